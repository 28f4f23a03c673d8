import type { Fact } from '../application/testimony.js';
import { idsOf } from '../application/testimony.js';
import { ON_ITS_WAY_MS } from './fault-subject.js';
import type { Told } from './producer.js';

/** What producers were told, and what consumers did. */
export interface Books {
  readonly told: readonly Told[];
  readonly facts: readonly Fact[];
  /** Ids of the dead letters. */
  readonly dead: readonly string[];
  /** Faults that settlements may have been lost in which were on their way. */
  readonly faults?: readonly FaultTime[];
}

/** From its beginning to its end, in ms since the epoch. */
export interface FaultTime {
  readonly from: number;
  readonly to: number;
}

/**
 * Everything that must not be: a message that was stored and not handled, one that was refused and came, one that nobody
 * sent, and more effects of one than deliveries whose end the broker did not confirm allow.
 */
export function reconcile({ told, facts, dead, faults = [] }: Books): readonly string[] {
  const effects = countOf(idsOf(facts, 'effect'));
  const mayRepeat = unconfirmed(facts, faults);
  const outcomes = new Map(told.map(({ id, outcome }) => [id, outcome]));
  const ended = new Set([...effects.keys(), ...dead]);
  const wrong = [...outcomes].flatMap(([id, outcome]) => {
    if (outcome === 'stored' && !ended.has(id)) return [`${id} was stored and is lost`];
    return outcome === 'refused' && ended.has(id) ? [`${id} was refused and came all the same`] : [];
  });
  for (const id of ended) if (!outcomes.has(id)) wrong.push(`${id} came and was never sent`);
  for (const [id, count] of effects) {
    const allowed = 1 + (mayRepeat.get(id) ?? 0);
    if (count > allowed) wrong.push(`${id} was handled ${count} times, and ${allowed} can be explained`);
  }
  return wrong;
}

/** How many deliveries of each message ended, as far as a consumer was told, without being acknowledged. */
export function unconfirmed(
  facts: readonly Fact[],
  faults: readonly FaultTime[] = [],
): ReadonlyMap<string, number> {
  // A consumer hears of a fault a little later than the network has it, and acknowledges into nothing meanwhile.
  const mayBeLost = (at: number): boolean =>
    faults.some(({ from, to }) => from - ON_ITS_WAY_MS < at && at < to + ON_ITS_WAY_MS);
  const results = new Map(
    facts.flatMap((fact) => (fact.fact === 'settled' ? [[fact.act, fact.result]] : [])),
  );
  const acknowledged = new Set(
    facts.flatMap((fact) =>
      fact.fact === 'settling' && fact.kind === 'ack' && results.get(fact.act) === 'ok' && !mayBeLost(fact.at)
        ? [fact.delivery]
        : [],
    ),
  );
  return countOf(
    facts.flatMap((fact) => (fact.fact === 'delivered' && !acknowledged.has(fact.delivery) ? [fact.id] : [])),
  );
}

function countOf(ids: readonly string[]): ReadonlyMap<string, number> {
  const counts = new Map<string, number>();
  for (const id of ids) counts.set(id, (counts.get(id) ?? 0) + 1);
  return counts;
}
