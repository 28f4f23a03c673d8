import {
  ArrayNotEmpty,
  IsArray,
  IsBoolean,
  IsIn,
  IsInstance,
  IsInt,
  IsNotEmpty,
  IsObject,
  IsOptional,
  IsString,
  Matches,
  Max,
  Min,
  ValidateNested,
} from 'class-validator';
import { isTable } from '../composed/outbox/outbox.errors.js';
import { isSqlExecutor } from '../composed/outbox/sql-executor.js';
import { FIRST_MESSAGES } from '../backend/retention.js';
import { parseWindow } from '../policies/dedup.policy.js';
import { checkTopicOrPattern } from '../message/topic-pattern.js';
import { CODECS } from '../message/codec.js';
import { parseDuration } from '../policies/duration.js';
import { isUpcaster } from '../policies/upcasters.js';
import { LOCALITIES } from '../policies/resolve-locality.js';
import { problemWithClaimCheck } from './claim-check.options.js';
import { Holds, IsDuration } from './holds.rule.js';
import { HasNoProblem } from './has-no-problem.rule.js';
import { problemWithSchemas } from './publish.schemas.js';
import { problemWithCompression } from './compression.options.js';
import { problemWithEncryption } from './encryption.options.js';
import { problemWithSigning } from './signing.options.js';
import { isBounds, isRetention } from './declared.rules.js';
import { DRIVER_NAMES, isBackendFactory } from './backend.registry.js';

const NAME = /^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$/;
/** Four looks, none of them at counts of the one before. */
const SHORTEST_WATCH_MS = 4_000;
const NAME_RULE =
  "must be 1 to 128 characters, a letter or digit first, then letters, digits, '.', '_' or '-'";
/** Characters of RFC 3986; not more, as a URI reference can be nearly anything. */
const URI_REFERENCE = /^[A-Za-z0-9\-._~:/?#[\]@!$&'()*+,;=%]+$/;

const IsName = (): PropertyDecorator => Matches(NAME, { message: NAME_RULE });

export class OutboxRules {
  @Holds('must be an executor such as fromPg(pool)', isSqlExecutor)
  executor!: unknown;

  @IsOptional()
  @Holds('must be the name of a table, with its schema if need be', isTable)
  table?: unknown;

  @IsOptional()
  @IsDuration()
  poll?: unknown;

  @IsOptional()
  @IsInt()
  @Min(1)
  @Max(10_000)
  batch?: unknown;

  @IsOptional()
  @IsDuration()
  lease?: unknown;

  @IsOptional()
  @IsBoolean()
  relay?: unknown;
}

export class BackendRules {
  @IsName()
  name!: unknown;

  @Holds(
    `must be one of ${DRIVER_NAMES.join(', ')}, or a backend factory`,
    (driver) => DRIVER_NAMES.includes(driver as never) || isBackendFactory(driver),
  )
  driver!: unknown;

  @IsOptional()
  @IsBoolean()
  primary?: unknown;

  @IsOptional()
  @IsIn(['fail', 'retry'])
  start?: unknown;

  @IsOptional()
  @IsIn(LOCALITIES)
  locality?: unknown;

  @IsOptional()
  @IsIn(CODECS)
  codec?: unknown;

  @IsOptional()
  @IsName()
  delays?: unknown;

  @IsOptional()
  @IsName()
  store?: unknown;

  @IsOptional()
  @ValidateNested()
  @IsInstance(OutboxRules, { message: 'must be an object with an executor' })
  outbox?: unknown;

  @IsOptional()
  @HasNoProblem(problemWithSigning)
  signing?: unknown;

  @IsOptional()
  @HasNoProblem(problemWithClaimCheck)
  claimCheck?: unknown;

  @IsOptional()
  @HasNoProblem(problemWithCompression)
  compression?: unknown;

  @IsOptional()
  @HasNoProblem(problemWithEncryption)
  encryption?: unknown;
}

export class SubscriptionRules {
  @IsName()
  name!: unknown;

  @IsArray()
  @ArrayNotEmpty()
  @Holds('each must be a topic, or a pattern of topics', (topics) => areTopics(topics))
  topics!: unknown;

  @IsOptional()
  @IsName()
  backend?: unknown;

  @IsOptional()
  @Holds(
    'must be false, or have maxMessages from 1 up and whenFull, such as whenFull.reject',
    (bounds) => bounds === false || isBounds(bounds),
  )
  bounds?: unknown;

  @IsOptional()
  @IsIn(FIRST_MESSAGES)
  start?: unknown;
}

export class TopicRules {
  @IsName()
  name!: unknown;

  @IsOptional()
  @IsName()
  backend?: unknown;

  @IsOptional()
  @Holds(
    "must be a window longer than 0 and at most 30 days, such as '10m'",
    (value) => parseWindow('', value) > 0,
  )
  dedup?: unknown;

  @IsOptional()
  @Holds(
    "must be false, or have for, such as '7d', and max from 1 up",
    (retain) => retain === false || isRetention(retain),
  )
  retain?: unknown;
}

export class DedupRules {
  @IsOptional()
  @IsIn(['reject', 'publish'])
  onStoreError?: unknown;
}

export class TopologyRules {
  @IsOptional()
  @IsArray()
  @ValidateNested({ each: true })
  @IsInstance(TopicRules, { each: true, message: 'each must be an object with a name' })
  topics?: unknown;

  @IsOptional()
  @IsArray()
  @ValidateNested({ each: true })
  @IsInstance(SubscriptionRules, { each: true, message: 'each must be an object with a name and topics' })
  subscriptions?: unknown;
}

export class ShutdownRules {
  @IsOptional()
  @IsDuration()
  drain?: unknown;

  @IsOptional()
  @IsIn(['ignore', 'exit'])
  secondSignal?: unknown;
}

export class ModuleRules {
  @IsString()
  @IsNotEmpty()
  @Matches(URI_REFERENCE, { message: 'must be a URI reference such as urn:service:hooks' })
  source!: unknown;

  @IsOptional()
  @IsName()
  group?: unknown;

  @IsArray()
  @ArrayNotEmpty()
  @ValidateNested({ each: true })
  @IsInstance(BackendRules, { each: true, message: 'each must be an object with a name and a driver' })
  backends!: unknown;

  @IsOptional()
  @Holds(
    'must be true, false, or names of subscriptions',
    (value) => typeof value === 'boolean' || (Array.isArray(value) && value.every((name) => NAME.test(name))),
  )
  consume?: unknown;

  @IsOptional()
  @ValidateNested()
  @IsInstance(TopologyRules, { message: 'must be an object with topics or subscriptions' })
  topology?: unknown;

  @IsOptional()
  @ValidateNested()
  @IsInstance(DedupRules, { message: 'must be an object' })
  dedup?: unknown;

  @IsOptional()
  @IsIn(['create', 'check', 'off'])
  ensure?: unknown;

  @IsOptional()
  @IsArray()
  @Holds(
    'each must be an interceptor or a class of one',
    (list) => Array.isArray(list) && list.every(isInterceptorRef),
  )
  interceptors?: unknown;

  @IsOptional()
  @Holds(
    'must be a list of objects with the texts type, from and to, and a function up',
    (list) => Array.isArray(list) && list.every(isUpcaster),
  )
  upcasters?: unknown;

  /** See bridge.options.ts. */
  @IsOptional()
  bridges?: unknown;

  @IsOptional()
  @HasNoProblem(problemWithSchemas)
  schemas?: unknown;

  @IsOptional()
  @ValidateNested()
  @IsInstance(ShutdownRules, { message: 'must be an object' })
  shutdown?: unknown;

  @IsOptional()
  @Holds(
    "must be false, or 4 s or more, such as '30s'",
    (value) => value === false || parseDuration('', value) >= SHORTEST_WATCH_MS,
  )
  watchdog?: unknown;

  @IsOptional()
  @IsObject()
  @Holds('must have a clock, random and ids', hasAmbientParts)
  ambient?: unknown;

  @IsOptional()
  @IsBoolean()
  isGlobal?: unknown;
}

function areTopics(topics: unknown): boolean {
  return Array.isArray(topics) && topics.every((topic) => checkTopicOrPattern('', topic) === topic);
}

function isInterceptorRef(value: unknown): boolean {
  return (
    typeof value === 'function' || typeof (value as { intercept?: unknown } | null)?.intercept === 'function'
  );
}

function hasAmbientParts(value: unknown): boolean {
  const { clock, random, ids } = value as Record<string, unknown>;
  return [clock, random, ids].every((part) => typeof part === 'object' && part !== null);
}
