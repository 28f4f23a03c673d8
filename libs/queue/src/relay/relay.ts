import type { Ambient } from '../ambient/ambient.js';
import { sleep } from '../ambient/clock.js';
import type { Outgoing } from '../message/outgoing.js';
import { ConfirmedPublish, type RelayTarget } from './confirmed-publish.js';
import type { LoopGuard } from './loop-guard.js';
import { Pace } from './pace.js';
import { type Passage, publishBatch, type RelayOrder } from './relay-batch.js';
import { type RelayReport, RelayTally } from './relay-report.js';
import type { RelayItem, RelayResult, RelaySource } from './relay-source.js';
import { InvalidRelayError, RelayChangeError } from './relay.errors.js';

export interface RelayOptions<Item extends RelayItem = RelayItem> {
  /** For errors and reports. */
  readonly name: string;
  readonly source: RelaySource<Item>;
  readonly target: RelayTarget;
  readonly ambient: Ambient;
  /** The message to publish instead; undefined drops it. The id should stay: it is how a repetition is known. */
  readonly change?: ((message: Outgoing, item: Item) => Outgoing | undefined) | undefined;
  readonly loopGuard?: LoopGuard | undefined;
  /** Most messages taken, and under way, at once. Default 256. */
  readonly batch?: number | undefined;
  /** Most messages published per second; default: no limit. */
  readonly ratePerSecond?: number | undefined;
  /**
   * `strict` (default): a message is sent when the one before it of its key was confirmed. `pipelined`: a batch is sent
   * as it is, which is faster where many messages share a key, and changes their order when the target fails one in
   * the middle.
   */
  readonly order?: RelayOrder | undefined;
  /** How long one batch may take. What has no answer by then is tried again, and may repeat. Default 30 000. */
  readonly timeoutMs?: number | undefined;
  /** Ends after so many batches in a row that moved nothing for a failure. Default: never. */
  readonly giveUpAfter?: number | undefined;
  /** After each batch, with what became of its items. */
  readonly observe?: ((report: RelayReport, results: readonly RelayResult<Item>[]) => void) | undefined;
  /** The first of several failures in a row, of either end. */
  readonly fault?: ((error: unknown) => void) | undefined;
}

const FIRST_PAUSE_MS = 100;
const LONGEST_PAUSE_MS = 30_000;

/**
 * The one way messages get from here to there: takes a batch, publishes it, and tells the source once the target has
 * confirmed. At least once: what was moved but could not be told to the source, as after a crash, is moved again with
 * the same id. A target or source that fails is asked again after a growing pause, and nothing is lost meanwhile.
 */
export class Relay<Item extends RelayItem = RelayItem> {
  readonly #options: RelayOptions<Item>;
  readonly #publish: ConfirmedPublish;
  readonly #pace: Pace | undefined;
  readonly #tally = new RelayTally();
  #state: RelayReport['state'] = 'running';
  #startedAt: number | undefined;
  #failuresInARow = 0;

  constructor(options: RelayOptions<Item>) {
    checkOptions(options);
    this.#options = options;
    this.#publish = new ConfirmedPublish(options.target, options.ambient.clock);
    if (options.ratePerSecond !== undefined) {
      this.#pace = new Pace(options.ambient.clock, options.ratePerSecond);
    }
  }

  get report(): RelayReport {
    const nowMs = this.#options.ambient.clock.mono();
    return this.#tally.report(nowMs - (this.#startedAt ?? nowMs), this.#state);
  }

  /**
   * Moves until the source has no more, `signal` aborts or `giveUpAfter` is reached, and answers how far it came. A
   * batch that is under way when the signal aborts is finished and told to the source. Never rejects. Can be run
   * again, one run at a time: the source knows where to go on.
   */
  async run(signal: AbortSignal): Promise<RelayReport> {
    this.#state = 'running';
    this.#startedAt ??= this.#options.ambient.clock.mono();
    while (this.#state === 'running') {
      if (signal.aborted) this.#state = 'stopped';
      else await this.#round(signal);
    }
    return this.report;
  }

  async #round(signal: AbortSignal): Promise<void> {
    const { source, giveUpAfter = Infinity, fault } = this.#options;
    const before = this.#failuresInARow;
    await this.#pace?.turn(signal);
    if (signal.aborted) return;
    try {
      const items = await source.take(this.#size(), signal);
      if (items === undefined) this.#state = 'finished';
      else if (items.length > 0) await this.#move(items);
    } catch (error) {
      this.#tally.trouble(error);
      this.#failuresInARow++;
    }
    if (before === 0 && this.#failuresInARow > 0) fault?.(this.report.lastError);
    if (this.#failuresInARow >= giveUpAfter) this.#state = 'gave-up';
    else if (this.#failuresInARow > 0 && this.#state === 'running') await this.#rest(signal);
  }

  async #move(items: readonly Item[]): Promise<void> {
    const { source, observe } = this.#options;
    const passages = items.map((item) => this.#passage(item));
    const results = await publishBatch(passages, this.#batchOptions());
    this.#pace?.spent(results.filter(({ outcome }) => wasSent(outcome)).length);
    await source.done(results);
    this.#tally.count(results);
    this.#judge(results);
    observe?.(this.report, results);
  }

  /** A batch with a failure is followed by a pause, which grows while nothing gets through. */
  #judge(results: readonly RelayResult[]): void {
    const hasFailed = results.some(({ outcome }) => outcome.kind === 'failed');
    const hasMoved = results.some(({ outcome }) => outcome.kind === 'moved');
    if (!hasFailed) this.#failuresInARow = 0;
    else this.#failuresInARow = hasMoved ? 1 : this.#failuresInARow + 1;
  }

  #passage(item: Item): Passage<Item> {
    const { change, loopGuard, name } = this.#options;
    let message: Outgoing | undefined = item.message;
    try {
      if (change !== undefined) message = change(item.message, item);
    } catch (cause) {
      const error = new RelayChangeError(name, item.message.id, { cause });
      return { item, message: undefined, outcome: { kind: 'refused', error } };
    }
    if (message === undefined) return dropped(item, 'filtered');
    if (message.ttlMs !== undefined && message.ttlMs <= 0) return dropped(item, 'expired');
    if (loopGuard !== undefined) message = loopGuard.pass(item.message, message);
    return message === undefined ? dropped(item, 'looped') : { item, message, outcome: undefined };
  }

  #size(): number {
    const { batch = 256 } = this.#options;
    return this.#pace?.batch(batch) ?? batch;
  }

  #batchOptions(): Parameters<typeof publishBatch>[1] {
    const { ambient, order = 'strict', timeoutMs = 30_000 } = this.#options;
    return { publish: this.#publish, clock: ambient.clock, order, timeoutMs };
  }

  #rest(signal: AbortSignal): Promise<void> {
    const { clock, random } = this.#options.ambient;
    const pauseMs = Math.min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** (this.#failuresInARow - 1));
    return sleep(clock, pauseMs * (0.8 + 0.2 * random.next()), signal);
  }
}

function dropped<Item extends RelayItem>(item: Item, why: 'filtered' | 'looped' | 'expired'): Passage<Item> {
  return { item, message: undefined, outcome: { kind: 'dropped', why } };
}

function wasSent({ kind }: RelayResult['outcome']): boolean {
  return kind === 'moved' || kind === 'failed' || kind === 'refused';
}

type Numbers = Pick<RelayOptions, 'name' | 'batch' | 'ratePerSecond' | 'timeoutMs'>;

function checkOptions({ name, batch = 1, ratePerSecond = 1, timeoutMs = 1 }: Numbers): void {
  if (!(Number.isInteger(batch) && batch >= 1)) {
    throw new InvalidRelayError(`relay "${name}" takes batches of ${batch}: give a whole number from 1 up`);
  }
  if (!(ratePerSecond > 0)) {
    throw new InvalidRelayError(
      `relay "${name}" has a rate of ${ratePerSecond}: give more than 0 per second`,
    );
  }
  if (!(timeoutMs > 0)) {
    throw new InvalidRelayError(`relay "${name}" has ${timeoutMs} ms for a batch: give more than 0`);
  }
}
