import { IsIn, IsInt, IsObject, IsOptional, IsString, Matches, Max, Min } from 'class-validator';
import { BackendUnavailableError } from '../../backend/backend.errors.js';
import { ConnectionTimes } from '../../backend/connection-times.js';
import { quote } from '../../message/names.js';
import { AreForeignExchanges } from './rabbitmq.exchanges.rule.js';
import type { ForeignExchange } from './rabbitmq.foreign-topics.js';

const URL_RULE = 'url must begin with amqp:// or amqps://, such as amqp://user:password@host:5672/vhost';
const PREFIX_RULE =
  'prefix must be 1 to 40 letters, digits, "_" or "-": it begins the names of all queues and exchanges';

/** Options of the rabbitmq backend. Every process with the same broker, virtual host and prefix shares its messages. */
export class RabbitmqOptions extends ConnectionTimes {
  @IsString()
  @Matches(/^amqps?:\/\//, { message: URL_RULE })
  url!: string;

  /** For `amqps`, handed to Node's `tls.connect`: `ca`, `cert`, `key`, `servername` … */
  @IsOptional()
  @IsObject()
  tls?: Readonly<Record<string, unknown>>;

  /** Begins the names of all queues and exchanges of the library. */
  @IsOptional()
  @Matches(/^[A-Za-z0-9_-]{1,40}$/, { message: PREFIX_RULE })
  prefix?: string = 'pigeonpost';

  /** `quorum`: replicated, counts crashes. `classic`: on one node, forgets crashes. Cannot be changed later. */
  @IsOptional()
  @IsIn(['quorum', 'classic'])
  queueType?: 'quorum' | 'classic' = 'quorum';

  /** Largest body in bytes; the server's `max_message_size` must allow for a little more. */
  @IsOptional()
  @IsInt()
  @Min(1)
  @Max(128 * 1024 * 1024)
  maxBytes?: number = 8 * 1024 * 1024;

  /** Whole seconds for the protocol; these rules take the place of those that the others have. */
  @IsOptional()
  @IsInt()
  @Min(1_000)
  @Max(600_000)
  override heartbeatMs?: number = 5_000;

  /** Most messages that wait for their confirmation at once; further ones wait here. */
  @IsOptional()
  @IsInt()
  @Min(1)
  @Max(65_535)
  maxUnconfirmed?: number = 2_000;

  /** The server's `consumer_timeout`: it takes back whatever a consumer holds for longer. */
  @IsOptional()
  @IsInt()
  @Min(60_000)
  @Max(7 * 86_400_000)
  consumerTimeoutMs?: number = 1_800_000;

  /** Topics that lie on exchanges of somebody else, by their names: publishes go there, and subscriptions listen there. */
  @IsOptional()
  @AreForeignExchanges()
  exchanges?: Readonly<Record<string, ForeignExchange>> = {};
}

export type ResolvedRabbitmqOptions = Readonly<Required<Omit<RabbitmqOptions, 'tls'>>> &
  Pick<RabbitmqOptions, 'tls'>;

/** Fills in the defaults. Throws when the URL cannot be read, without showing it: it may hold a password. */
export function resolveOptions(backend: string, given: RabbitmqOptions): ResolvedRabbitmqOptions {
  const set = Object.entries(given).filter(([, value]) => value !== undefined);
  const options = Object.assign(new RabbitmqOptions(), Object.fromEntries(set)) as ResolvedRabbitmqOptions;
  if (!/^amqps?:\/\//.test(options.url) || !URL.canParse(options.url))
    throw new BackendUnavailableError(backend, 'read its options', URL_RULE);
  const own = Object.values(options.exchanges).find(({ exchange }) =>
    exchange.startsWith(`${options.prefix}.`),
  );
  if (own !== undefined) {
    const why = `exchange ${quote(own.exchange)} in \`exchanges\` is one of the library: it begins with the prefix`;
    throw new BackendUnavailableError(backend, 'read its options', why);
  }
  return Object.freeze(options);
}
