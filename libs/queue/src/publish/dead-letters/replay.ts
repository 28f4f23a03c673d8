import type { Ambient } from '../../ambient/ambient.js';
import type { Peeked } from '../../backend/inspect.js';
import { Relay } from '../../relay/relay.js';
import type { RelayReport } from '../../relay/relay-report.js';
import { DeadLetterSource } from './dead-letter-source.js';
import type { DeadLetterFilter } from './dead-letter-filter.js';
import type { DeadLetterShelf } from './dead-letter-shelf.js';
import { ReplayStoppedError } from './dead-letters.errors.js';
import { lineageOf } from './lineage.js';
import { ReplayTarget } from './replay-target.js';

export interface ReplayOptions {
  /** Most messages per second; default 50, so that what died in a crowd does not come back in one. */
  readonly rate?: number | undefined;
  /** Counts and lists, and moves nothing. */
  readonly dryRun?: boolean | undefined;
  /** Replays also what is in quarantine. */
  readonly force?: boolean | undefined;
  /** A message that came back so often is in quarantine. Default 5. */
  readonly maxReplays?: number | undefined;
  /** Ends the replay after the batch under way; the same call goes on later. */
  readonly signal?: AbortSignal | undefined;
  /** After each batch. */
  readonly onProgress?: ((report: ReplayReport) => void) | undefined;
}

export interface ReplayReport {
  /** Sent back; in a dry run, what would be. */
  readonly replayed: number;
  /** Left where they are, because they came back too often. */
  readonly quarantined: number;
  /** Left where they are, because the backend will not take them any more. */
  readonly refused: number;
  readonly perSecond: number;
  /** `stopped` by the signal: there may be more. */
  readonly state: 'running' | 'finished' | 'stopped';
  /** What the backend said last that was no yes. */
  readonly lastError: unknown;
  /** In a dry run the ids of what would be replayed, the first 1,000; else empty. */
  readonly ids: readonly string[];
}

export interface ReplayCall extends ReplayOptions {
  readonly shelf: DeadLetterShelf;
  readonly filter: DeadLetterFilter;
  readonly ambient: Ambient;
  readonly giveUpAfter: number;
}

export const DEFAULT_RATE = 50;
export const DEFAULT_MAX_REPLAYS = 5;
const LONGEST_LIST = 1_000;

/**
 * Replays what had died by now: what dies again meanwhile is not taken again. Throws ReplayStoppedError when the backend
 * fails too often in a row.
 */
export async function replay(call: ReplayCall): Promise<ReplayReport> {
  const startedAt = call.ambient.clock.now();
  const filter = { ...call.filter, where: diedBy(startedAt, call.filter.where) };
  return call.dryRun === true ? rehearse({ ...call, filter }) : run({ ...call, filter });
}

function diedBy(startedAt: number, where: DeadLetterFilter['where']): (letter: Peeked) => boolean {
  return (letter) => (letter.deadAt ?? 0) <= startedAt && (where?.(letter) ?? true);
}

async function run(call: ReplayCall): Promise<ReplayReport> {
  const { shelf, filter, ambient, giveUpAfter, onProgress, signal = new AbortController().signal } = call;
  const source = new DeadLetterSource({ shelf, filter, maxReplays: limitOf(call) });
  const relay = new Relay({
    name: `replay of ${shelf.subscription}`,
    source,
    target: new ReplayTarget(shelf, (message) => source.holderOf(message)),
    ambient,
    giveUpAfter,
    ratePerSecond: call.rate ?? DEFAULT_RATE,
    observe: (report) => onProgress?.(reportOf(report, source.quarantined)),
  });
  const ended = await relay.run(signal);
  const report = reportOf(ended, source.quarantined);
  if (ended.state !== 'gave-up') return report;
  throw new ReplayStoppedError(shelf.subscription, report, { cause: ended.lastError });
}

async function rehearse(call: ReplayCall): Promise<ReplayReport> {
  const ids: string[] = [];
  let [replayed, quarantined] = [0, 0];
  for await (const letter of call.shelf.letters(call.filter)) {
    if (call.signal?.aborted) break;
    if (lineageOf(letter).replays >= limitOf(call)) quarantined++;
    else if (++replayed <= LONGEST_LIST) ids.push(letter.id);
  }
  const state = call.signal?.aborted ? 'stopped' : 'finished';
  return { replayed, quarantined, refused: 0, perSecond: 0, state, lastError: undefined, ids };
}

function limitOf({ force, maxReplays = DEFAULT_MAX_REPLAYS }: ReplayOptions): number {
  return force === true ? Infinity : maxReplays;
}

function reportOf({ moved, state, ...rest }: RelayReport, quarantined: number): ReplayReport {
  const { refused, perSecond, lastError } = rest;
  const shown = state === 'gave-up' ? 'stopped' : state;
  return { replayed: moved, quarantined, refused, perSecond, state: shown, lastError, ids: [] };
}
