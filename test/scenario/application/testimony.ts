import { openSync, readFileSync, writeSync } from 'node:fs';
import type { Delivery, QueueError, Settlement, SettleResult } from '@pigeonpost/queue';
import type { HistoryEvent } from '@pigeonpost/queue/testing';

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
  | { readonly fact: 'started' | 'effect'; readonly id: string }
  | { readonly fact: 'killed'; readonly probe: string };

/** Written with one system call per fact, so that a SIGKILL takes nothing back. */
export class Testimony {
  readonly #file: number;

  constructor(path: string) {
    this.#file = openSync(path, 'a');
  }

  note(fact: Fact): void {
    writeSync(this.#file, `${JSON.stringify(fact)}\n`);
  }
}

export function readTestimony(path: string): readonly Fact[] {
  const lines = readFileSync(path, { encoding: 'utf8', flag: 'a+' }).split('\n');
  return lines.slice(0, -1).map((line) => JSON.parse(line) as Fact);
}

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
