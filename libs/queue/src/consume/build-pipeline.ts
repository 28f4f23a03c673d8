import { QueueError } from '../message/queue-error.js';
import {
  AcknowledgeFirstStation,
  type AcknowledgeFirstParts,
} from '../interceptors/acknowledge-first.station.js';
import { CircuitStation, type CircuitVerdicts } from '../interceptors/circuit.station.js';
import { type DeadLetterLimits, DeadLetterStation } from '../interceptors/dead-letter.station.js';
import { EnvelopeStation, RawStation } from '../interceptors/envelope.station.js';
import { failureRecorder } from '../interceptors/failure-recorder.js';
import type { Handling } from '../interceptors/handling.js';
import { IdempotencyStation } from '../interceptors/idempotency.station.js';
import { LeaseStation } from '../interceptors/lease.station.js';
import { ObserveStation, type OutcomeCounts } from '../interceptors/observe.station.js';
import { ReplyStation } from '../interceptors/reply.station.js';
import { RetryStation } from '../interceptors/retry.station.js';
import { RouteStation } from '../interceptors/route.station.js';
import type { Station } from '../interceptors/station.js';
import { TimeoutStation } from '../interceptors/timeout.station.js';
import { UpcastStation } from '../interceptors/upcast.station.js';
import { ValidateStation } from '../interceptors/validate.station.js';
import type { ConsumePolicies } from '../policies/consume.policies.js';
import type { ConsumerOptions } from './consumer-options.js';
import { Pipeline } from './pipeline.js';

/** Idempotency or a single consumer was asked for, and there is nothing to remember it in. */
export class MissingStoreError extends QueueError {
  readonly code = 'missing_store';
}

export interface PipelineParts {
  readonly counts: OutcomeCounts;
  readonly circuit?: CircuitVerdicts | undefined;
  /** Present where messages are acknowledged before their handlers; see AcknowledgeFirstStation. */
  readonly acknowledge: AcknowledgeFirstParts['acknowledge'] | undefined;
  /** See TimeoutStation. */
  readonly watch: (handling: Handling) => void;
}

/** The list that a delivery walks, outermost first. A station that a subscription does not need is not in it. */
export function buildPipeline(
  options: ConsumerOptions,
  { counts, circuit, watch, acknowledge }: PipelineParts,
): Pipeline {
  const { policies, ambient, handler, host, subscription } = options;
  const record = failureRecorder({ clock: ambient.clock, handler: handler.name, host });
  const stations: (Station | undefined)[] = [
    new ObserveStation(counts),
    new LeaseStation(ambient.clock),
    reply(options),
    new DeadLetterStation(limitsOf(policies), record),
    new RetryStation(policies.retry, record, ambient.random),
    policies.raw ? new RawStation() : new EnvelopeStation(),
    policies.upcasting && new UpcastStation(policies.upcasting),
    options.routes && new RouteStation(options.routes),
    policies.validate && new ValidateStation(policies.validate),
    idempotency(options),
    acknowledge && new AcknowledgeFirstStation({ acknowledge, lost: lossTo(options) }),
    circuit && new CircuitStation(circuit),
    policies.timeoutMs === undefined
      ? undefined
      : new TimeoutStation(ambient.clock, policies.timeoutMs + (policies.batch?.withinMs ?? 0), watch),
  ];
  return new Pipeline(
    stations.filter((station) => station !== undefined),
    (station, error) => options.listener.fault(subscription, `pass station ${station}`, error),
  );
}

/** What dies before it was acknowledged was not tried, where nothing is tried before. */
function limitsOf({ retry, maxCrashes, delivery }: ConsumePolicies): DeadLetterLimits {
  return { attempts: delivery === 'at-most-once' ? Infinity : retry.attempts, maxCrashes };
}

function lossTo({ listener, subscription }: ConsumerOptions): AcknowledgeFirstParts['lost'] {
  return ({ id, abortReason }, outcome) => {
    const why = outcome.kind === 'failed' ? outcome.error : abortReason;
    listener.fault(subscription, `handle message ${id}, which is lost, as at-most-once allows`, why);
  };
}

/** Throws MissingStoreError. */
export function checkStore({ policies, store, handler, backend }: ConsumerOptions): void {
  if (store !== undefined) return;
  if (policies.single !== undefined) {
    throw new MissingStoreError(
      `${handler.name} is a single consumer, but backend "${backend.name}" cannot remember who that is: use a backend with a store, such as sqlite, or name that of another one in its \`store\``,
    );
  }
  if (policies.idempotency === undefined) return;
  throw new MissingStoreError(
    `${handler.name} is idempotent, but backend "${backend.name}" cannot remember keys: use a backend with a store, such as sqlite, or name that of another one in its \`store\``,
  );
}

function reply({ replier, backend, ambient }: ConsumerOptions): Station | undefined {
  if (replier === undefined) return undefined;
  const isDroppedByBackend = backend.capabilities.ttl === 'message';
  return new ReplyStation(replier, isDroppedByBackend ? undefined : ambient.clock);
}

function idempotency({ policies, store, ambient }: ConsumerOptions): Station | undefined {
  if (policies.idempotency === undefined || store === undefined) return undefined;
  const { clock } = ambient;
  return new IdempotencyStation(policies.idempotency, { store, clock, claimTtlMs: policies.maxLeaseMs });
}
