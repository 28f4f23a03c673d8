import { GITHUB_EVENTS, topicOf } from './github-events.js';

/** Keeps a record of what happened where. */
export const ACTIVITY = 'activity';
/** Tells another service. */
export const NOTIFIER = 'notifier';

export const SUBSCRIPTIONS = [ACTIVITY, NOTIFIER] as const;
export type Subscription = (typeof SUBSCRIPTIONS)[number];

export const GITHUB_TOPICS: readonly string[] = GITHUB_EVENTS.map(topicOf);

/**
 * Declared by the process that publishes and by the one that consumes, so either may start first: what is
 * published before the worker has ever run waits for it.
 */
export const TOPOLOGY = {
  subscriptions: SUBSCRIPTIONS.map((name) => ({ name, topics: GITHUB_TOPICS })),
};
