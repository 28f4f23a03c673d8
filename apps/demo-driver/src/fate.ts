import type { Dice } from './dice.js';

/** What the downstream answers to one request; `silence` keeps the connection open and says nothing. */
export type Answer = { readonly status: number; readonly retryAfterSeconds?: number } | 'silence';

/** How the downstream treats one delivery: first these answers, then always that one. */
export interface Fate {
  readonly first: readonly Answer[];
  readonly always: Answer;
}

export const ACCEPTS: Answer = { status: 200 };
export const HEALTHY: Fate = { first: [], always: ACCEPTS };

/** Refused for ever: the first four by failing until nobody tries again, the others by a clear no. */
export const HOPELESS: readonly Fate[] = [500, 500, 503, 502, 400, 404, 410, 422].map((status) => ({
  first: [],
  always: { status },
}));

export function drawFate(dice: Dice): Fate {
  const roll = dice.below(100);
  if (roll < 12) return { first: Array<Answer>(1 + dice.below(3)).fill({ status: 500 }), always: ACCEPTS };
  if (roll < 18) return { first: [{ status: 429, retryAfterSeconds: 1 }], always: ACCEPTS };
  if (roll < 21) return { first: ['silence'], always: ACCEPTS };
  return HEALTHY;
}

export function accepts({ always }: Fate): boolean {
  return always === ACCEPTS;
}
