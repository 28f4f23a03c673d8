import { type Random, seededRandom } from '../../ambient/random.js';

/** One call at the seam, as data: the same on every backend. Deliveries are named by how long ago they came. */
export type SeamCommand =
  | {
      readonly do: 'publish';
      readonly count: number;
      readonly delayMs: number;
      readonly ttlMs: number;
      readonly priority: number;
      /** undefined: without one. The first subscription has an order by key. */
      readonly key?: string | undefined;
      /** To the first subscription only. */
      readonly direct: 'direct' | 'shared';
    }
  | { readonly do: 'receive'; readonly receiver: number; readonly max: number }
  | {
      readonly do: 'ack' | 'release' | 'retry' | 'dead' | 'extend';
      /** 0: the delivery that came last; settled ones count. */
      readonly delivery: number;
      /** Of a release or a retry. */
      readonly delayMs: number;
    }
  | { readonly do: 'reopen'; readonly receiver: number }
  | { readonly do: 'purge'; readonly state: 'ready' | 'delayed' | 'held' | 'dead' }
  /** All dead letters that hold their key. */
  | { readonly do: 'revive' }
  | { readonly do: 'advance'; readonly ms: number };

export const RECEIVERS = 3;
const SETTLES = ['ack', 'ack', 'release', 'retry', 'dead', 'extend'] as const;
const STATES = ['ready', 'delayed', 'held', 'dead'] as const;
const KEYS = [undefined, 'a', 'b'];
const DELAYS_MS = [0, 0, 5, 400, 1_000];
const TTLS_MS = [0, 0, 0, 700];
const ADVANCES_MS = [1, 10, 399, 500, 1_500];

/** The commands of a seed. */
export function seamCommandsOf(seed: number, steps: number): readonly SeamCommand[] {
  const random = seededRandom(seed);
  return Array.from({ length: steps }, () => draw(random));
}

function draw(random: Random): SeamCommand {
  const dice = random.next();
  if (dice < 0.25) {
    return {
      do: 'publish',
      count: 1 + below(random, 4),
      delayMs: pick(random, DELAYS_MS),
      ttlMs: pick(random, TTLS_MS),
      priority: below(random, 3),
      key: pick(random, KEYS),
      direct: random.next() < 0.2 ? 'direct' : 'shared',
    };
  }
  if (dice < 0.5) return { do: 'receive', receiver: below(random, RECEIVERS), max: 1 + below(random, 4) };
  if (dice < 0.8)
    return { do: pick(random, SETTLES), delivery: below(random, 5), delayMs: pick(random, DELAYS_MS) };
  if (dice < 0.85) return { do: 'reopen', receiver: below(random, RECEIVERS) };
  if (dice < 0.87) return { do: 'purge', state: pick(random, STATES) };
  if (dice < 0.89) return { do: 'revive' };
  return { do: 'advance', ms: pick(random, ADVANCES_MS) };
}

function below(random: Random, limit: number): number {
  return Math.floor(random.next() * limit);
}

function pick<T>(random: Random, from: readonly T[]): T {
  return from[below(random, from.length)] as T;
}
