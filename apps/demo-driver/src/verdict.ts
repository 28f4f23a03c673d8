import { ACTIVITY, NOTIFIER, SUBSCRIPTIONS, type Subscription } from '../../demo-contract/src/index.js';
import type { AnsweredPost, Evidence } from './evidence.js';
import { accepts } from './fate.js';
import type { PlannedDelivery } from './plan.js';
import { Tally } from './tally.js';

/** The numbers of one run, all of them counted from the evidence. */
export interface Numbers {
  /** Requests made to the API. */
  readonly posted: number;
  /** Of those: answered with 202, and not. */
  readonly accepted: number;
  readonly refused: number;
  /** Accepted requests whose delivery had been accepted before. */
  readonly duplicates: number;
  /** Deliveries in the projection. */
  readonly applied: number;
  /** Deliveries that the downstream was told about more than once. */
  readonly retried: number;
  readonly deadLettered: number;
  readonly expectedDeadLettered: number;
  /** Messages of which a subscription shows neither an effect nor a dead letter. */
  readonly lost: number;
  /** How often a counter of the projection was moved by a delivery that had moved it before. */
  readonly appliedTwice: number;
  readonly workerKills: number;
  readonly brokerRestarts: number;
}

export interface Check {
  readonly claim: string;
  readonly holds: boolean;
  /** What was found instead. */
  readonly found: string;
}

export interface Verdict {
  readonly numbers: Numbers;
  readonly checks: readonly Check[];
}

/** Compares what was found with what must be there. Pure: the same evidence, the same verdict. */
export function judge(evidence: Evidence): Verdict {
  const accepted = evidence.posts.filter(({ status }) => status === 202);
  const facts: Facts = {
    accepted,
    known: new Map(accepted.map(({ delivery }) => [delivery.id, delivery])),
    dead: Tally.of(evidence.deadLetters.map(({ subscription, id }) => letter(subscription, id))),
    expectedDead: expectedDeadLetters(accepted, evidence),
    possiblyDead: possibleDeadLetters(accepted, evidence),
    ...compareCounters(evidence),
  };
  const lost = [...SUBSCRIPTIONS.flatMap((name) => missing(name, facts, evidence)), ...facts.short.names];
  return { numbers: numbersOf(facts, evidence, lost.length), checks: checksOf(facts, evidence, lost) };
}

/** The evidence, sorted. */
interface Facts {
  readonly accepted: readonly AnsweredPost[];
  /** Accepted deliveries by id. */
  readonly known: ReadonlyMap<string, PlannedDelivery>;
  readonly dead: Tally;
  readonly expectedDead: Tally;
  /** Beyond these: copies that a queue may have taken although it did not answer. */
  readonly possiblyDead: Tally;
  /** Counters of the projection that were moved too often. */
  readonly over: Tally;
  /** Counters that were moved too seldom. */
  readonly short: Tally;
}

function numbersOf(
  facts: Facts,
  { posts, projection, requests, kills, restarts }: Evidence,
  lost: number,
): Numbers {
  const { accepted, known, dead, expectedDead, over } = facts;
  return {
    posted: posts.length,
    accepted: accepted.length,
    refused: posts.length - accepted.length,
    duplicates: accepted.length - known.size,
    applied: projection.deliveries.length,
    retried: [...requests.values()].filter((count) => count > 1).length,
    deadLettered: dead.total,
    expectedDeadLettered: expectedDead.total,
    lost,
    appliedTwice: over.total,
    workerKills: kills.length,
    brokerRestarts: restarts?.length ?? 0,
  };
}

function checksOf(facts: Facts, evidence: Evidence, lost: readonly string[]): readonly Check[] {
  const { known, dead, expectedDead, possiblyDead, over } = facts;
  const { posts, projection, accepted, pending, kills, restarts } = evidence;
  const wrong = posts.filter(({ status, expected }) => status !== expected);
  const phantoms = projection.deliveries.filter(({ id }) => known.get(id)?.misshapen !== false);
  const unwanted = [...accepted.keys()].filter((id) => !isWanted(known.get(id)));
  const held = kills.filter(({ inFlight }) => inFlight > 0);
  return [
    check(
      'every request got the answer it should',
      wrong.map(({ kind, status, expected }) => `${kind}: ${status} and not ${expected}`),
    ),
    check('nothing that was accepted is lost', lost),
    check('every delivery was applied once', over.names),
    check(
      'nothing was applied but what was accepted and valid',
      phantoms.map(({ id }) => id),
    ),
    check('the downstream took only what it should', unwanted),
    check('every bad message is a dead letter', expectedDead.beyond(dead).names),
    check('nothing else is a dead letter', dead.beyond(expectedDead).beyond(possiblyDead).names),
    check('what nobody could read is kept byte for byte', changedBytes(evidence)),
    check('the queue is empty', pending === 0 ? [] : [`${pending} messages`]),
    check(
      'the worker was killed with messages in its hands',
      held.length > 0 ? [] : [`${kills.length} kills, ${held.length} of them so`],
    ),
    ...(restarts === undefined ? [] : [restartCheck(restarts)]),
  ];
}

function restartCheck(restarts: Evidence['restarts'] = []): Check {
  const busy = restarts.filter(({ pending }) => pending > 0);
  const found = busy.length > 0 ? [] : [`${restarts.length} restarts, ${busy.length} of them so`];
  return check('the broker was restarted with messages in it', found);
}

/** A claim, and what was found against it. */
export function check(claim: string, contradictions: readonly string[]): Check {
  const shown = contradictions.slice(0, 5).join(', ');
  const more = contradictions.length > 5 ? `, and ${contradictions.length - 5} more` : '';
  return { claim, holds: contradictions.length === 0, found: shown + more };
}

const letter = (subscription: string, id: string): string => `${subscription} ${id}`;

/** Every accepted copy of a bad message is a dead letter of its own. */
function expectedDeadLetters(accepted: readonly AnsweredPost[], { raw }: Evidence): Tally {
  const letters = SUBSCRIPTIONS.flatMap((name) => [
    ...accepted
      .filter(({ delivery }) => isHopeless(name, delivery))
      .map(({ delivery }) => letter(name, delivery.id)),
    ...raw.map(({ id }) => letter(name, id)),
  ]);
  return Tally.of(letters);
}

function possibleDeadLetters(accepted: readonly AnsweredPost[], evidence: Evidence): Tally {
  const { raw, deadAtOnce, kills, restarts = [] } = evidence;
  const again = deadAtOnce ? 0 : kills.length + restarts.length;
  const tally = new Tally();
  for (const name of SUBSCRIPTIONS) {
    for (const { delivery, unavailable } of accepted)
      if (isHopeless(name, delivery)) tally.add(letter(name, delivery.id), unavailable + again);
    for (const { id, unavailable } of raw) tally.add(letter(name, id), unavailable + again);
  }
  return tally;
}

function isHopeless(subscription: Subscription, { misshapen, fate }: PlannedDelivery): boolean {
  return misshapen || (subscription === NOTIFIER && !accepts(fate));
}

function isWanted(delivery: PlannedDelivery | undefined): boolean {
  return delivery !== undefined && !isHopeless(NOTIFIER, delivery);
}

/** Messages without a trace in this subscription. */
function missing(name: Subscription, { known }: Facts, evidence: Evidence): readonly string[] {
  const { projection, accepted, deadLetters, raw } = evidence;
  const handled = name === ACTIVITY ? projection.deliveries.map(({ id }) => id) : accepted.keys();
  const dead = deadLetters.filter(({ subscription }) => subscription === name).map(({ id }) => id);
  const traces = new Set([...handled, ...dead]);
  const ids = [...known.keys(), ...raw.map(({ id }) => id)];
  return ids.filter((id) => !traces.has(id)).map((id) => letter(name, id));
}

/** Dead letters of raw messages that are not what was put in. */
function changedBytes({ raw, deadLetters }: Evidence): readonly string[] {
  const put = new Map(raw.map(({ id, body }) => [id, Buffer.from(body)]));
  const changed = deadLetters.filter(({ id, bytes }) => put.get(id)?.equals(bytes) === false);
  return changed.map(({ subscription, id }) => letter(subscription, id));
}

/** The projection's counters against its own list of deliveries: `over` was counted twice, `short` not at all. */
function compareCounters({ projection }: Evidence): { readonly over: Tally; readonly short: Tally } {
  const listed = Tally.of(projection.deliveries.map(({ repository, event }) => `${repository} ${event}`));
  const counted = new Tally();
  for (const { repository, event, count } of projection.counters)
    counted.add(`${repository} ${event}`, count);
  return { over: counted.beyond(listed), short: listed.beyond(counted) };
}
