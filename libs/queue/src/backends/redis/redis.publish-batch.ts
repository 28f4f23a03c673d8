import type { PublishResult } from '../../backend/backend.js';
import { byteLength } from '../../message/body.js';
import type { Outgoing } from '../../message/outgoing.js';
import type { KnownSubscription } from './redis.topology.js';
import { type Argument, recordOfOutgoing } from './redis.wire.js';

/** What one call of the script takes: it holds up everybody else on the server while it runs. */
const MOST_COPIES = 1_000;
const MOST_BYTES = 4 * 1024 * 1024;
const STORED = 1;
const ALL_STORED = 1;
const STALE = -1;

const DUPLICATE: PublishResult = Object.freeze({ status: 'stored', copies: 0, duplicate: true });
const RESULTS: readonly PublishResult[] = [0, 1, 2, 3, 4].map((copies) =>
  Object.freeze({ status: 'stored', copies }),
);

/** Messages on their way to one call of the script of publishes, see redis.publish.lua.ts. */
export class PublishBatch {
  /** Where the messages stand in the batch that they come from. */
  readonly places: number[] = [];
  readonly #copies: number[] = [];
  readonly #messages: Argument[] = [];
  /** Subscriptions of this call, by id; a route names them by their place here. */
  readonly #targets = new Map<string, KnownSubscription>();
  readonly #routes = new Map<readonly KnownSubscription[], string>();
  readonly #version: string;
  #total = 0;
  #bytes = 0;

  constructor(version: string | undefined) {
    this.#version = version ?? '';
  }

  get isEmpty(): boolean {
    return this.places.length === 0;
  }

  get isFull(): boolean {
    return this.#total >= MOST_COPIES || this.#bytes >= MOST_BYTES;
  }

  add(message: Outgoing, route: readonly KnownSubscription[], place: number): void {
    this.places.push(place);
    this.#copies.push(route.length);
    this.#total += route.length;
    this.#bytes += byteLength(message.body);
    const named = this.#nameOf(route);
    const record = recordOfOutgoing(message);
    if (isPlain(message, route)) this.#messages.push(named, record);
    else this.#messages.push(`!${named}`, ...wishesOf(message), record);
  }

  arguments(): readonly Argument[] {
    const targets = [...this.#targets.values()].flatMap(({ id, ordered }) => [id, ordered ? 'o' : '-']);
    return [this.#version, this.#total, this.#targets.size, ...targets, ...this.#messages];
  }

  /** What became of the nth message; undefined when the topology is another one by now. */
  resultOf(nth: number, answer: unknown): PublishResult | undefined {
    if (answer === STALE) return undefined;
    const isStored = answer === ALL_STORED || (answer as readonly number[])[nth] === STORED;
    if (!isStored) return DUPLICATE;
    const copies = this.#copies[nth] as number;
    return RESULTS[copies] ?? { status: 'stored', copies };
  }

  #nameOf(route: readonly KnownSubscription[]): string {
    let named = this.#routes.get(route);
    if (named === undefined) {
      named = route.map((target) => this.#numberOf(target)).join(',');
      this.#routes.set(route, named);
    }
    return named;
  }

  #numberOf(target: KnownSubscription): number {
    if (!this.#targets.has(target.id)) this.#targets.set(target.id, target);
    return [...this.#targets.keys()].indexOf(target.id) + 1;
  }
}

/** Nothing but a record, as most messages are. */
function isPlain(
  { delayMs, ttlMs, priority, dedup, key, to }: Outgoing,
  route: readonly KnownSubscription[],
): boolean {
  if (delayMs || ttlMs !== undefined || priority || (dedup !== undefined && to === undefined)) return false;
  return key === undefined || !route.some(({ ordered }) => ordered);
}

function wishesOf({ delayMs, ttlMs, priority, key, dedup, to, topic, id }: Outgoing): readonly Argument[] {
  const once = to === undefined ? dedup : undefined;
  return [
    delayMs || '',
    ttlMs ?? '',
    priority || '',
    key ?? '',
    once === undefined ? '' : `${topic}\n${once.id ?? id}`,
    once === undefined ? '' : Math.ceil(once.windowMs),
    delayMs ? id : '',
  ];
}
