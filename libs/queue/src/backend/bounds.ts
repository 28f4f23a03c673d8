import { isDeepStrictEqual } from 'node:util';
import { checkName } from '../message/names.js';
import { InvalidTopologyError } from './invalid-topology.error.js';

/** How many messages a subscription may hold, dead letters aside, and what becomes of a publish while it is full. */
export interface Bounds {
  readonly maxMessages: number;
  readonly whenFull: WhenFull;
}

/** Plain data: it is kept on the broker, where every publisher finds it. */
export type WhenFull =
  /** The publish is refused, in all subscriptions of the topic. */
  | { readonly kind: 'reject' }
  /** The same, and the bus tries again until there is room or this much time has passed. */
  | { readonly kind: 'block'; readonly withinMs: number }
  /** This subscription does not get the message. */
  | { readonly kind: 'drop-newest' }
  /** It gets the message, and loses the one that has been ready for longest; with none ready, as `drop-newest`. */
  | { readonly kind: 'drop-oldest' }
  /** It gets the message, and each bus sends at most this many a second to the topic from then on. */
  | { readonly kind: 'throttle'; readonly perSecond: number }
  /** The subscriptions of another topic get the message in its place. */
  | { readonly kind: 'overflow'; readonly topic: string };

/** What the bounds of some subscriptions did to a message that was stored. Each list names subscriptions. */
export interface Pressure {
  /** Did not get the message. */
  readonly dropped: readonly string[];
  /** Lost an older message to it. */
  readonly displaced: readonly string[];
  readonly overflowed: readonly Overflowed[];
  /** The publisher should send no more than this to the topic; undefined: no limit. */
  readonly perSecond: number | undefined;
}

/** A copy that went to another topic. */
export interface Overflowed {
  readonly subscription: string;
  readonly topic: string;
}

/** On a message that came by an overflow: the topic it was published to. */
export const OVERFLOW_HEADER = 'pp-overflow-from';

export const MAX_BOUND = 1_000_000_000;
const MAX_WITHIN_MS = 3_600_000;
const MAX_PER_SECOND = 1_000_000;

/** Throws InvalidTopologyError. `what` names the subscription. */
export function checkBounds(what: string, { maxMessages, whenFull }: Bounds): void {
  checkNumber(`${what}: bounds.maxMessages`, maxMessages, { low: 1, high: MAX_BOUND });
  switch (whenFull.kind) {
    case 'block':
      return checkNumber(`${what}: the wait of block`, whenFull.withinMs, { low: 1, high: MAX_WITHIN_MS });
    case 'throttle':
      return checkNumber(`${what}: the rate of throttle`, whenFull.perSecond, {
        low: 0.001,
        high: MAX_PER_SECOND,
      });
    case 'overflow':
      return void checkName(`${what}: the topic of overflow`, whenFull.topic);
    case 'reject':
    case 'drop-newest':
    case 'drop-oldest':
      return;
    default: // written in plain JavaScript, or kept by a newer release
      throw new InvalidTopologyError(
        `${what}: there is no way to be full such as ${JSON.stringify(whenFull)}`,
      );
  }
}

function checkNumber(what: string, value: unknown, { low, high }: { low: number; high: number }): void {
  if (typeof value === 'number' && value >= low && value <= high) return;
  throw new InvalidTopologyError(`${what} is ${String(value)}, it must be a number from ${low} to ${high}`);
}

export function sameBounds(one: Bounds | undefined, other: Bounds | undefined): boolean {
  return isDeepStrictEqual(one, other);
}
