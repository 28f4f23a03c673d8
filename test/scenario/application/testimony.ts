import type { Delivery, QueueError, Settlement, SettleResult } from '@pigeonpost/queue';
import type { HistoryEvent } from '@pigeonpost/queue/testing';
import type { Notebook } from '../notes.js';

/** What a worker saw and did, in order. `delivery` numbers its deliveries; times are wall clock, in ms. */
export type Fact =
  | {
      readonly fact: 'delivered';
      readonly delivery: number;
      readonly id: string;
      readonly ref: string | undefined;
      readonly attempt: number;
      readonly crashes: number;
      readonly leaseMs: number;
      readonly at: number;
    }
  | {
      readonly fact: 'settling';
      readonly act: number;
      readonly delivery: number;
      readonly kind: Settlement['kind'];
      readonly leaseMs: number;
      readonly at: number;
    }
  | { readonly fact: 'settled'; readonly act: number; readonly result: string }
  | { readonly fact: 'started' | 'effect'; readonly id: string; readonly pid: number; readonly at: number }
  | { readonly fact: 'health'; readonly pid: number; readonly state: string; readonly at: number }
  | { readonly fact: 'logged'; readonly pid: number; readonly text: string }
  | { readonly fact: 'killed'; readonly probe: string };

/** Where a worker writes down its facts. */
export type Testimony = Notebook<Fact>;

/** The ids of the facts of one kind, in order, with repetitions. */
export function idsOf(facts: readonly Fact[], kind: 'delivered' | 'started' | 'effect'): readonly string[] {
  return facts.flatMap((each) => (each.fact === kind && 'id' in each ? [each.id] : []));
}

/** Attempt and crashes of each message; one that was told differently at different times is there twice. */
export function claims(facts: readonly Fact[]): readonly string[] {
  const told = facts.flatMap((each) =>
    each.fact === 'delivered' ? [`${each.id}: attempt ${each.attempt}, crashes ${each.crashes}`] : [],
  );
  return [...new Set(told)].toSorted();
}

/** The same as the checker reads it. A settlement that got no answer may or may not have happened. */
export function historyOf(facts: readonly Fact[]): readonly HistoryEvent[] {
  const deliveries = new Map<number, Delivery>();
  const results = new Map<number, string>();
  for (const fact of facts) if (fact.fact === 'settled') results.set(fact.act, fact.result);
  return facts.flatMap((fact): readonly HistoryEvent[] => {
    if (fact.fact === 'delivered') {
      const delivery = { ...fact, subscription: 'work' } as unknown as Delivery;
      deliveries.set(fact.delivery, delivery);
      return [{ kind: 'delivered', delivery, at: fact.at }];
    }
    if (fact.fact !== 'settling') return [];
    const { kind, leaseMs, at } = fact;
    const act = { kind, leaseMs, delivery: deliveries.get(fact.delivery) } as unknown as Settlement;
    return [{ kind: 'settled', act, result: resultOf(results.get(fact.act)), at }];
  });
}

function resultOf(noted: string | undefined): SettleResult {
  if (noted === 'ok' || noted === 'noop' || noted === 'lost') return noted;
  return { message: noted ?? 'no answer' } as QueueError;
}
