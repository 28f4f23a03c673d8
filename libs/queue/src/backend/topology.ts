import { checkName } from '../message/names.js';

/** What must exist on the broker before messages can flow. */
export interface Topology {
  readonly subscriptions: readonly SubscriptionTopology[];
}

/** A subscription is a name with the topics it listens to. Its copies, retries and dead letters are its own. */
export interface SubscriptionTopology {
  readonly name: string;
  /** At least one. */
  readonly topics: readonly string[];
}

/** One difference between what was declared and what the broker has. */
export interface Drift {
  readonly kind: 'missing-subscription' | 'missing-topic' | 'extra-topic';
  readonly subscription: string;
  readonly topic: string | undefined;
}

/** What a consumer asks of a subscription when it opens it. */
export interface SubscriptionSpec extends SubscriptionTopology {
  readonly leaseMs: number;
}

/** For backends, before they create anything. Throws InvalidNameError. */
export function checkTopology({ subscriptions }: Topology): void {
  for (const { name, topics } of subscriptions) {
    checkName('subscription', name);
    for (const topic of topics) checkName('topic', topic);
  }
}
