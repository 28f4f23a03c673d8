import type { Clock } from '../../ambient/clock.js';
import { UnsupportedError } from '../../backend/backend.errors.js';
import type { Receiver, Settlement, SettleResult } from '../../backend/backend.js';
import type { KeyOrder } from '../../backend/key-order.js';
import type { Delivery } from '../../message/delivery.js';
import type { HandingOut } from './handing-out.js';
import type { KeyLines } from './key-lines.js';
import type { Mover } from './mover.js';
import type { Park, ParkEntry } from './park.js';
import { noted, type ParkRecord } from './park-record.js';
import type { Place } from './place.js';

export interface SettlingParts {
  readonly backend: string;
  readonly clock: Clock;
  readonly park: Park;
  readonly lines: KeyLines;
  readonly mover: Mover;
  readonly handing: HandingOut;
  readonly receiver: Receiver;
  readonly maxLeaseMs: number;
  /** Whether nobody takes any more: what is given back goes back to the broker. */
  readonly isLeaving: () => boolean;
  readonly changed: () => void;
}

interface Direct {
  readonly at: number;
  readonly act: Settlement;
  readonly place: Place;
  /** As the broker knows it. */
  readonly original: Delivery;
}

/**
 * What becomes of handed out messages. An ack of a message of the broker is the broker's; everything that keeps a key waiting
 * for longer is written into the park first.
 */
export class Settling {
  constructor(private readonly parts: SettlingParts) {}

  /** One result per act, in order. */
  async settle(acts: readonly Settlement[], order: KeyOrder): Promise<readonly SettleResult[]> {
    const results: SettleResult[] = [];
    const direct: Direct[] = [];
    const here: Promise<void>[] = [];
    acts.forEach((act, at) => {
      const place = this.parts.handing.find(act.delivery);
      if (typeof place === 'string') results[at] = place;
      else if (
        place.original !== undefined &&
        place.moving === undefined &&
        this.#isBrokers(act, place, order)
      )
        direct.push({ at, act, place, original: place.original });
      else here.push(this.#settleHere(act, place, order).then((result) => void (results[at] = result)));
    });
    if (direct.length > 0) here.push(this.#settleThere(direct, results));
    await Promise.all(here);
    this.parts.changed();
    return results;
  }

  /** What the broker does as well as the park, and keeps no key waiting. */
  #isBrokers({ kind }: Settlement, { line }: Place, { onRetry, onDead }: KeyOrder): boolean {
    if (line === undefined || kind === 'ack' || kind === 'extend') return true;
    if (kind === 'release') return this.parts.isLeaving();
    return kind === 'retry' ? onRetry === 'breaks' : onDead === 'skip';
  }

  async #settleThere(direct: readonly Direct[], results: SettleResult[]): Promise<void> {
    const { receiver, park, clock } = this.parts;
    for (const { act } of direct) if (act.kind === 'extend') await park.promise(act.leaseMs);
    const askedAt = clock.mono();
    for (const { place } of direct) place.settling++;
    const acts = direct.map(({ act, original }) =>
      act.delivery === original ? act : { ...act, delivery: original },
    );
    const answers = await receiver
      .settle(acts)
      .catch((error: unknown) => acts.map(() => error as SettleResult));
    direct.forEach((each, index) => {
      const answer = answers[index] as SettleResult;
      each.place.settling--;
      results[each.at] = answer;
      this.#answered(each, answer, askedAt);
    });
  }

  #answered({ act, place, original }: Direct, answer: SettleResult, askedAt: number): void {
    const { handing, lines, clock } = this.parts;
    if (place.delivery !== act.delivery) return; // has come again meanwhile
    if (answer === 'lost') {
      // It comes again, and its key waits for that.
      handing.revoke(place);
      if (place.line === undefined) lines.end(place);
      else if (place.original === original) place.leaseEndsAt = clock.mono();
    } else if (answer === 'ok' && act.kind === 'extend') {
      place.leaseEndsAt = askedAt + act.leaseMs;
    } else if (typeof answer === 'string' && act.kind !== 'extend') {
      handing.settled(place);
      lines.end(place);
    }
  }

  /** Never rejects. */
  async #settleHere(act: Settlement, place: Place, order: KeyOrder): Promise<SettleResult> {
    const { handing, clock } = this.parts;
    try {
      await place.moving;
      const found = handing.find(act.delivery);
      if (typeof found === 'string') return found;
      const objection = this.#objection(act);
      if (objection !== undefined) return objection;
      if (clock.mono() >= place.leaseEndsAt) return 'lost'; // its timer, or the broker, is only late
      return await (place.entry === undefined
        ? this.#settleBrokers(act, place)
        : this.#settleParked(act, place, { entry: place.entry, order }));
    } catch (error) {
      return error as SettleResult;
    }
  }

  #objection(act: Settlement): UnsupportedError | undefined {
    const { backend, maxLeaseMs } = this.parts;
    if (act.kind === 'extend') {
      if (act.leaseMs > 0 && act.leaseMs <= maxLeaseMs) return undefined;
      return new UnsupportedError(backend, `lease for ${act.leaseMs} ms`, `use at most ${maxLeaseMs} ms`);
    }
    const delayMs = act.kind === 'retry' || act.kind === 'release' ? (act.delayMs ?? 0) : 0;
    if (delayMs >= 0) return undefined;
    return new UnsupportedError(backend, `give a message back for ${delayMs} ms`, 'use 0 or more');
  }

  /** The first of its key waits on: here if it is for nothing, in the park if it is for a reason. */
  async #settleBrokers(act: Settlement, place: Place): Promise<SettleResult> {
    const { handing, lines, mover } = this.parts;
    const { attempt, failures } = act.delivery;
    handing.settled(place);
    place.state = 'waiting';
    if (act.kind === 'release' && !act.delayMs) lines.look(place);
    else await mover.move([place], this.#change(act, { attempts: attempt - 1, failures }));
    return 'ok';
  }

  async #settleParked(
    act: Settlement,
    place: Place,
    { entry, order }: { readonly entry: ParkEntry; readonly order: KeyOrder },
  ): Promise<SettleResult> {
    const { handing, lines, park, clock } = this.parts;
    if (act.kind === 'extend') {
      await park.promise(act.leaseMs);
      if (place.delivery !== act.delivery) return 'lost';
      place.leaseEndsAt = clock.mono() + act.leaseMs;
      return 'ok';
    }
    handing.settled(place);
    place.state = 'waiting';
    if (act.kind === 'ack') {
      await park.remove(entry);
      lines.end(place);
      return 'ok';
    }
    const isLoose = entry.record.isLoose || (act.kind === 'retry' && order.onRetry === 'breaks');
    const holds = act.kind === 'dead' && order.onDead === 'hold' && !isLoose;
    const record = { ...entry.record, ...this.#change(act, entry.record), isLoose, holds };
    const updated = await park.update(entry, record);
    if (updated === undefined) lines.end(place);
    else this.#goOn(place, updated);
    return 'ok';
  }

  #goOn(place: Place, entry: ParkEntry): void {
    const { lines } = this.parts;
    const { deadAt, holds, isLoose } = entry.record;
    place.entry = entry;
    if (deadAt !== undefined && holds !== true) return lines.end(place);
    if (isLoose === true) lines.leave(place);
    lines.look(place);
  }

  /** What a settlement makes of a message that is parked with it. */
  #change(
    act: Settlement,
    { attempts, failures }: Pick<ParkRecord, 'attempts' | 'failures'>,
  ): Partial<ParkRecord> {
    const now = this.parts.clock.now();
    switch (act.kind) {
      case 'release':
        return { attempts, isOut: undefined, dueAt: act.delayMs ? now + act.delayMs : undefined };
      case 'retry': {
        const dueAt = act.delayMs > 0 ? now + act.delayMs : undefined;
        return { attempts: attempts + 1, failures: noted(failures, act.failure), isOut: undefined, dueAt };
      }
      case 'dead': {
        const dead = { deadAt: now, holds: true, isOut: undefined };
        return { attempts: attempts + 1, failures: noted(failures, act.failure), ...dead };
      }
      default:
        return {};
    }
  }
}
