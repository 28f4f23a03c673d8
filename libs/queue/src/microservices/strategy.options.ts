import type { ConsumerDeserializer, ConsumerSerializer } from '@nestjs/microservices';
import type { RetryOptions } from '../decorators/retry.decorator.js';
import type { EnsureMode } from '../nest/queue.options.js';
import { type ConsumePolicies, resolvePolicies } from '../policies/consume.policies.js';
import { type Duration, parseDuration } from '../policies/duration.js';
import { DEFAULT_RETRY } from '../policies/retry.policy.js';
import type { LinkOptions } from './link.js';
import type { WireFormat } from './wire.js';

/** How the messages of a pattern are handled; the same words as in `@Consume` and `@Retry`. */
export interface PatternPolicies {
  readonly concurrency?: number;
  readonly prefetch?: number | 'auto';
  readonly lease?: Duration;
  readonly maxLease?: Duration;
  readonly timeout?: Duration;
  readonly abortGrace?: Duration;
  readonly maxCrashes?: number;
  readonly retry?: RetryOptions;
}

export interface StrategyOptions extends LinkOptions {
  /** Prefix of the subscriptions, `${group}.${pattern}`: processes of one group share the work. */
  readonly group: string;
  /** Default `envelope`. */
  readonly wire?: WireFormat;
  /** For every pattern. Extras of a pattern, `@EventPattern('x', { queue: { … } })`, go over them. */
  readonly policies?: PatternPolicies;
  /** At start: `create` what is missing (default), `check` and refuse otherwise, or `off`. */
  readonly ensure?: EnsureMode;
  /** How long running handlers may go on after the stop began. Default 25 s. */
  readonly drain?: Duration;
  /** For handlers that name a transport: those of several strategies in one application are kept apart by it. */
  readonly transportId?: symbol;
  /** Of the wire `nest`; default: Nest's own. */
  readonly serializer?: ConsumerSerializer;
  readonly deserializer?: ConsumerDeserializer;
}

/** `where` names the pattern in errors. Throws InvalidPolicyError or InvalidDurationError. */
export function policiesOfPattern(
  where: string,
  given: PatternPolicies,
  wire: WireFormat | undefined,
): ConsumePolicies {
  const { retry, lease, maxLease, timeout, abortGrace, ...plain } = given;
  const ms = (what: string, duration: Duration | undefined): number | undefined =>
    duration === undefined ? undefined : parseDuration(`${where}: ${what}`, duration);
  return resolvePolicies(where, {
    ...plain,
    ...withoutUndefined({
      leaseMs: ms('lease', lease),
      maxLeaseMs: ms('maxLease', maxLease),
      timeoutMs: ms('timeout', timeout),
      abortGraceMs: ms('abortGrace', abortGrace),
    }),
    retry: { ...DEFAULT_RETRY, ...retry },
    raw: wire === 'nest',
  });
}

function withoutUndefined(given: Readonly<Record<string, number | undefined>>): Partial<ConsumePolicies> {
  return Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined));
}
