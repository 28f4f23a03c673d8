import { ENTRY_PROVIDER_WATERMARK } from '@nestjs/common/constants.js';
import type { Type } from '@nestjs/common';
import type { Bounds } from '../backend/bounds.js';
import type { FirstMessage } from '../backend/retention.js';
import type { MessageInterceptor } from '../interceptors/interceptor.js';
import type { Anomaly } from '../policies/anomalies.js';
import type { DeliveryMode } from '../policies/consume.policies.js';
import type { Duration } from '../policies/duration.js';
import type { OrderOption } from '../policies/ordering.policy.js';
import type { Locality } from '../policies/resolve-locality.js';
import { describesHandler } from './handler-metadata.js';
import type { PayloadType } from './payload-type.js';

export interface ConsumeOptions {
  /** Name of the backend. Default: that of the handler's module, else the primary one. */
  readonly backend?: string;
  /** Name of the subscription. Default: `${group}.${topic}`; required with several topics. */
  readonly subscription?: string;
  /**
   * Takes only messages of this event type, or of one of these. Several handlers may share one subscription when their
   * types, or their values of one header, are apart; one without both takes the rest. What else a decorator says counts
   * for the subscription.
   */
  readonly type?: string | readonly string[];
  /** Takes only messages that have all of these headers, with these values. */
  readonly headers?: Readonly<Record<string, string>>;
  /** What becomes of a message that no handler of the subscription takes. Default `dead`, with reason `no_handler`. */
  readonly otherwise?: 'dead' | 'ack';
  /**
   * `at-most-once`: a message is acknowledged before its handler runs. A crash or a failure loses it; nothing repeats
   * it. Default `at-least-once`.
   */
  readonly delivery?: DeliveryMode;
  /**
   * Whom the messages must reach: `process`, `host`, or `many-hosts`; from `host` on they also outlive their process. A
   * backend that shares them less is refused. Default: what the backend's options say, else nobody asks.
   */
  readonly locality?: Locality;
  /**
   * The method gets up to `size` messages at once: an array of payloads, and a BatchContext. A batch begins with its
   * first message and is handled when it is full, when `bytes` of bodies are reached, or `within` later. With
   * `by: 'key'` all its messages have one key. Each message is settled for itself.
   */
  readonly batch?: {
    readonly size: number;
    readonly within: Duration;
    readonly bytes?: number;
    readonly by?: 'key';
  };
  /** Handlers running at once. Default 10; with `batch`, 1. */
  readonly concurrency?: number;
  /** Deliveries held ready beyond the running ones. Default `auto`: grows with the speed of the handlers. */
  readonly prefetch?: number | 'auto';
  /** Default 30 s. Renewed while the handler runs. */
  readonly lease?: Duration;
  /** No lease is renewed beyond this. Default 1 h. */
  readonly maxLease?: Duration;
  /** After this the handler's signal aborts and the attempt has failed. Default: none but `maxLease`. */
  readonly timeout?: Duration;
  /** How long a handler may go on after its signal aborted before its message is settled without it. Default 5 s. */
  readonly abortGrace?: Duration;
  /** At most `max` starts of the handler in any span of `per`; each process counts for itself. Default: no limit. */
  readonly rate?: { readonly max: number; readonly per: Duration };
  /**
   * After so many failed attempts in a row nothing is taken for `open`; then one message is tried, and its end decides.
   * Default: none.
   */
  readonly circuit?: { readonly failures: number; readonly open: Duration };
  /**
   * One process at a time handles the subscription; another one takes over when it stops, or `lease` (default 15 s)
   * after it died. Needs a backend with a store. Default false.
   */
  readonly single?: boolean | { readonly lease: Duration };
  /**
   * Handles the messages of one key one after the other, in the order they were published, in all processes. Such a
   * subscription keeps its order. `onRetry`: a failed message blocks its key (default), or `breaks` the order. `onDead`:
   * a dead letter holds its key until it is replayed or purged (default), or is skipped. Default: no order.
   */
  readonly order?: OrderOption;
  /**
   * How many messages the subscription may hold, dead letters aside, and what becomes of a publish while it is full.
   * Kept by the backend, which holds every publisher to it. Default: no bounds.
   */
  readonly bounds?: Bounds;
  /**
   * Where the subscription begins when it is created, or begins to listen to one more topic: with what is published
   * from then on (`latest`, the default), or with what the topic has retained (`earliest`).
   */
  readonly start?: FirstMessage;
  /** Hand over bytes as they came, with or without an envelope. Default false. */
  readonly raw?: boolean;
  /**
   * The one version of events that it takes: older ones are brought there by upcasters, all others are dead letters at
   * once. Default: the newest that upcasters lead to, and whatever else comes as it is.
   */
  readonly schemaVersion?: string;
  /**
   * Class with class-validator rules, or Standard Schema, of the payload. Default: the class of the `@Payload()`
   * parameter, when it has rules. An invalid payload becomes a dead letter at once.
   */
  readonly payload?: PayloadType;
  /** Around this handler, inside those of the module, the first one outermost. */
  readonly interceptors?: readonly InterceptorRef[];
  /**
   * Which guards, pipes, interceptors and filters of Nest run: those of the class and the method (`local`, the
   * default), also every global one (`all`), or also these global ones.
   */
  readonly enhancers?: 'local' | 'all' | readonly Type[];
  /**
   * What the handler can live with where its backend gives less than was asked, by name: the application starts then,
   * and its plan says what is left. Default: nothing, the start is refused.
   */
  readonly accept?: readonly Anomaly[];
}

/** An interceptor, or a class that Nest provides or can make. */
export type InterceptorRef = MessageInterceptor | Type<MessageInterceptor>;

/**
 * Makes a method of any provider or controller the handler of a subscription. Can be stacked, and is inherited with
 * its method. Without parameter decorators the method gets `(data, context)`.
 */
export function Consume(topics: string | readonly string[], options: ConsumeOptions = {}): MethodDecorator {
  const entry = { topics: typeof topics === 'string' ? [topics] : [...topics], options: { ...options } };
  const describe = describesHandler((before) => ({ ...before, consume: [entry, ...before.consume] }));
  return (target, method, descriptor) => {
    if (runsGlobals(options)) markEntryProvider(target.constructor);
    describe(target, method, descriptor);
  };
}

function runsGlobals({ enhancers = 'local' }: ConsumeOptions): boolean {
  return enhancers !== 'local';
}

/** Nest makes request-scoped global enhancers only for controllers and for classes with this mark. */
function markEntryProvider(host: object): void {
  Reflect.defineMetadata(ENTRY_PROVIDER_WATERMARK, true, host);
}
