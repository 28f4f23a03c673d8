import type { Clock } from '../../ambient/clock.js';
import type { HandingOut } from './handing-out.js';
import type { KeyLines } from './key-lines.js';
import type { Park, ParkEntry } from './park.js';
import { type Content, type ParkRecord, readRecord } from './park-record.js';
import type { Place } from './place.js';
import type { Takers } from './takers.js';

export interface CountingParts {
  readonly park: Park;
  readonly lines: KeyLines;
  readonly clock: Clock;
  readonly handing: HandingOut;
  readonly takers: Takers;
  readonly report: (doing: string, error: unknown) => void;
}

const MOST_AT_ONCE = 100;

/** Counts the attempts of parked messages where a crash cannot erase them, before they are handed out. */
export class Counting {
  #isBusy = false;

  constructor(private readonly parts: CountingParts) {}

  /** As many as are wanted. Answers whether anything became ready. Never rejects. */
  async turn(): Promise<boolean> {
    const { lines, takers, report } = this.parts;
    const wanted = Math.min(takers.demand - lines.ready.length, MOST_AT_ONCE);
    if (this.#isBusy || wanted <= 0 || lines.uncounted.length === 0) return false;
    this.#isBusy = true;
    const places = lines.uncounted.splice(0, wanted);
    for (const place of places) place.state = 'waiting';
    try {
      await this.#count(places);
      return true;
    } catch (error) {
      report('hand out parked messages', error);
      return false;
    } finally {
      this.#isBusy = false;
    }
  }

  async #count(places: readonly Place[]): Promise<void> {
    const { park, clock } = this.parts;
    const contents = await park.contentOf(places.map(({ entry }) => (entry as ParkEntry).seq));
    const now = clock.now();
    const counting = places.map(async (place, at) => {
      const entry = place.entry as ParkEntry;
      const isExpired = (entry.record.expiresAt ?? Infinity) <= now;
      if (isExpired && (await park.remove(entry))) return this.parts.lines.end(place);
      const counted = await park.update(entry, countedOf(entry.record));
      this.#counted(place, counted, contents[at]);
    });
    await Promise.all(counting);
    const changed = places.filter(({ state, delivery }) => state === 'waiting' && delivery === undefined);
    await this.readAgain(changed);
  }

  #counted(place: Place, entry: ParkEntry | undefined, content: Content | undefined): void {
    if (entry === undefined || content === undefined) return; // somebody else has changed it
    place.entry = entry;
    place.delivery = this.parts.handing.parkedDelivery(entry, content);
    this.parts.lines.offer(place);
  }

  /** What was revived is looked at again, and what was taken away is over. */
  async readAgain(places: readonly Place[]): Promise<void> {
    if (places.length === 0) return;
    const { park, lines } = this.parts;
    const entries = await park.read(places.map(({ entry }) => (entry as ParkEntry).seq));
    places.forEach((place, at) => {
      const found = entries[at];
      if (place.state === 'over') return;
      if (found === undefined) return lines.end(place);
      const before = place.entry as ParkEntry;
      if (found.version === before.version && place.state === 'held') return;
      place.entry = { seq: before.seq, version: found.version, record: readRecord(found.value) };
      lines.look(place);
    });
  }

  /** Those that were counted and are not handed out are not counted. What cannot be taken back counts as a crash. Never rejects. */
  async takeBack(): Promise<void> {
    const { lines, park, report } = this.parts;
    const counted = lines.ready.filter(({ entry }) => entry !== undefined);
    const back = counted.map(async (place) => {
      const entry = place.entry as ParkEntry;
      lines.hold(place);
      place.delivery = undefined;
      place.entry = (await park.update(entry, { ...entry.record, isOut: undefined })) ?? entry;
      lines.look(place);
    });
    const failed = (await Promise.allSettled(back)).find((each) => each.status === 'rejected');
    if (failed !== undefined) report('take back the attempts of parked messages', failed.reason);
  }
}

/** What was out when its holder ended, or its lease, has crashed. */
function countedOf(record: ParkRecord): ParkRecord {
  const { attempts, crashes, isOut } = record;
  const counted = { ...record, isOut: true, dueAt: undefined };
  return isOut === true ? { ...counted, attempts: attempts + 1, crashes: crashes + 1 } : counted;
}
