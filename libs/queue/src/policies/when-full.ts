import type { WhenFull } from '../backend/bounds.js';
import { type Duration, parseDuration } from './duration.js';

/** What becomes of a publish while a subscription is as full as its bounds allow, as values. */
export const whenFull = Object.freeze({
  /** The publish is refused with SubscriptionFullError, and nothing is stored, in no subscription of the topic. */
  reject: Object.freeze<WhenFull>({ kind: 'reject' }),
  /** `publish` waits for room; after `within` it rejects with PublishTimeoutError, and nothing is stored. */
  block: (within: Duration): WhenFull => ({
    kind: 'block',
    withinMs: parseDuration('the wait of whenFull.block', within),
  }),
  /** This subscription does not get the message; the receipt names it in `dropped`. */
  dropNewest: Object.freeze<WhenFull>({ kind: 'drop-newest' }),
  /** This subscription loses the message that has been ready for longest; the receipt names it in `displaced`. */
  dropOldest: Object.freeze<WhenFull>({ kind: 'drop-oldest' }),
  /** It grows beyond its bounds, while each publisher sends at most `perSecond` messages a second to the topic. */
  throttle: (perSecond: number): WhenFull => ({ kind: 'throttle', perSecond }),
  /** The subscriptions of `topic` get the message in its place; the receipt says so in `overflowed`. */
  overflowTo: (topic: string): WhenFull => ({ kind: 'overflow', topic }),
});
