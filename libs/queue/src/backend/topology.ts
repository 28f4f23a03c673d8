import { checkName } from '../message/names.js';
import { checkTopicOrPattern, isPattern } from '../message/topic-pattern.js';
import { UnsupportedError } from './backend.errors.js';
import { type Bounds, checkBounds } from './bounds.js';
import type { Capabilities, CapabilityOwner } from './capabilities.js';
import type { KeyOrder } from './key-order.js';
import { InvalidTopologyError } from './invalid-topology.error.js';
import { checkRetention, type Retention, type FirstMessage, type TopicTopology } from './retention.js';

/** What must exist on the broker before messages can flow. */
export interface Topology {
  /** Only those that are to be kept in a special way. */
  readonly topics?: readonly TopicTopology[];
  readonly subscriptions: readonly SubscriptionTopology[];
}

/** A subscription is a name with the topics it listens to. Its copies, retries and dead letters are its own. */
export interface SubscriptionTopology {
  readonly name: string;
  /** At least one: topics, or patterns of them where capabilities.wildcards says so. */
  readonly topics: readonly string[];
  /**
   * Makes it ephemeral: for one receiver, with whose `close` it goes, and everything in it with it. It also goes some
   * time after nobody has asked it for messages for this long, as after a crash, and at the latest with the next
   * `ensure` that creates. At least MIN_EXPIRY_MS. A durable subscription of that name stays durable.
   */
  readonly expiresAfterMs?: number;
  /**
   * Gives it an order by key, which it keeps: a later declaration without one changes nothing. Of messages that are in
   * flight at that moment some may overlap. Refused where capabilities.order is not `key`.
   */
  readonly order?: KeyOrder | undefined;
  /** Undefined: as they are, and none for a new subscription. `false` takes them away. The last declaration counts. */
  readonly bounds?: Bounds | false | undefined;
  /**
   * `earliest`: topics that it did not listen to before give it what they have retained, in order, in the same step
   * that makes it listen. Default `latest`.
   */
  readonly start?: FirstMessage | undefined;
}

/** Shorter, a receiver that is alive and idle would not ask often enough. */
export const MIN_EXPIRY_MS = 5_000;
const MAX_EXPIRY_MS = 30 * 86_400_000;

export { InvalidTopologyError } from './invalid-topology.error.js';

/** One difference between what was declared and what the broker has. */
export interface Drift {
  readonly kind:
    | 'missing-subscription'
    | 'missing-topic'
    | 'extra-topic'
    | 'missing-order'
    | 'other-bounds'
    /** What holds its messages was made in a way that cannot be changed any more. */
    | 'other-properties'
    | 'other-retention';
  /** undefined where it is about the topic. */
  readonly subscription: string | undefined;
  readonly topic: string | undefined;
  /** In words, and what to do about it, where the kind does not say all. */
  readonly detail?: string;
}

/** What a consumer asks of a subscription when it opens it. */
export interface SubscriptionSpec extends SubscriptionTopology {
  readonly leaseMs: number;
}

/**
 * For backends, before they create or compare anything. Throws InvalidNameError or InvalidTopologyError, and
 * UnsupportedError for what the capabilities do not have.
 */
export function checkTopology({ topics = [], subscriptions }: Topology, owner: CapabilityOwner): void {
  for (const { name, retain } of topics) {
    checkName('topic', name);
    if (retain) checkRetention(name, retain);
    if (retain && !isLongEnough(owner.capabilities.log, retain)) {
      const remedy = 'shorten it, or use a backend whose topics retain for as long';
      throw new UnsupportedError(
        owner.name,
        `retain the messages of topic "${name}" for ${retain.forMs} ms`,
        remedy,
      );
    }
  }
  for (const declared of subscriptions) refuseBeyond(declared, owner);
  for (const { name, topics, expiresAfterMs, bounds } of subscriptions) {
    checkName('subscription', name);
    for (const topic of topics) checkTopicOrPattern('topic', topic);
    if (bounds !== undefined && bounds !== false) checkBounds(`subscription "${name}"`, bounds);
    if (expiresAfterMs !== undefined) checkExpiry(name, expiresAfterMs);
  }
}

function refuseBeyond(
  { name: subscription, topics, expiresAfterMs, bounds, order, start }: SubscriptionTopology,
  { name, capabilities }: CapabilityOwner,
): void {
  const pattern = topics.find(isPattern);
  if (pattern !== undefined && !capabilities.wildcards) {
    throw new UnsupportedError(name, `listen to the pattern "${pattern}"`, 'name each topic');
  }
  if (start === 'earliest' && capabilities.log === false) {
    const remedy = "start at 'latest', or use a backend whose topics retain their messages";
    throw new UnsupportedError(
      name,
      `start subscription "${subscription}" with the earliest message`,
      remedy,
    );
  }
  if (bounds && !capabilities.bounds) {
    const remedy = 'take its bounds away, or use a backend with bounds';
    throw new UnsupportedError(
      name,
      `hold publishers to the bounds of subscription "${subscription}"`,
      remedy,
    );
  }
  if (expiresAfterMs !== undefined && !capabilities.ephemeral) {
    throw new UnsupportedError(
      name,
      'let a subscription expire',
      'use a backend with ephemeral subscriptions',
    );
  }
  if (order !== undefined && capabilities.order !== 'key') {
    throw new UnsupportedError(name, 'give a subscription an order by key', 'use a backend that has it');
  }
}

function isLongEnough(log: Capabilities['log'], { forMs }: Retention): boolean {
  return log !== false && forMs <= log.maxAgeMs;
}

function checkExpiry(subscription: string, ms: number): void {
  if (ms >= MIN_EXPIRY_MS && ms <= MAX_EXPIRY_MS) return;
  throw new InvalidTopologyError(
    `subscription "${subscription}" cannot expire after ${ms} ms: use ${MIN_EXPIRY_MS} to ${MAX_EXPIRY_MS} ms`,
  );
}
