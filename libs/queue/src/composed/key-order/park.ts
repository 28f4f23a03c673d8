import type { Clock } from '../../ambient/clock.js';
import type { Store, StoreEntry, StoreOp } from '../../store/store.js';
import { ParkLostError, ParkUnavailableError } from './park.errors.js';
import {
  type Content,
  ParkKeys,
  type ParkRecord,
  readContent,
  readRecord,
  writeContent,
  writeRecord,
} from './park-record.js';

/** A message of the park as it was read or written last. */
export interface ParkEntry {
  /** Its place: lower ones of its key come before it. */
  readonly seq: number;
  readonly version: number;
  readonly record: ParkRecord;
}

/** What stands in the fence, as JSON. */
interface Fence {
  readonly holder: string;
  /** Nothing that the holder took from the broker can come back any more. */
  readonly isClean: boolean;
  /** Longest lease that the holder has asked the broker for, in ms. */
  readonly leaseMs: number;
  readonly nextSeq: number;
  /** What may still come from the broker although it is done with, and until when that is remembered: wall ms. */
  readonly expected: readonly (readonly [name: string, until: number])[];
}

interface Change {
  readonly ops: readonly StoreOp[];
  readonly done: (versions: readonly number[] | undefined) => void;
  readonly failed: (error: unknown) => void;
}

export interface ParkParts {
  readonly store: Store;
  readonly clock: Clock;
  readonly subscription: string;
  /** Of the process that writes. */
  readonly holder: string;
  readonly leaseMs: number;
  /** Called once, when nothing can be written any more. */
  readonly broken: (error: ParkLostError | ParkUnavailableError) => void;
}

const PAGE = 500;
/** Changes that go into one write. */
const MOST_AT_ONCE = 200;
/** How long the broker may take to bring again what it could not be told to forget. */
const EXPECTED_FOR_MS = 24 * 3_600_000;

/**
 * The messages of one subscription that wait in a store for their key, in the order in which they came. One process at a
 * time writes: each write carries the fence, so that one whose time is over changes nothing, and what comes
 * while a write is under way goes with the next one.
 */
export class Park {
  readonly keys: ParkKeys;
  readonly #expected = new Map<string, number>();
  #waiting: Change[] = [];
  #version: number | undefined;
  #nextSeq = 1;
  #leaseMs: number;
  #writing = false;
  #failure: ParkLostError | ParkUnavailableError | undefined;

  constructor(private readonly parts: ParkParts) {
    this.keys = new ParkKeys(parts.subscription);
    this.#leaseMs = parts.leaseMs;
  }

  /**
   * Takes the park over. Answers after how many ms nothing can come back to the broker that the holder before had taken
   * from it; 0 when it had given back everything.
   */
  async begin(): Promise<number> {
    const [entry] = await this.parts.store.read([this.keys.fence]);
    const before = entry && (JSON.parse(entry.value) as Fence);
    for (const [name, until] of before?.expected ?? []) this.#expected.set(name, until);
    this.#nextSeq = before?.nextSeq ?? 1;
    const waitMs = before === undefined || before.isClean ? 0 : before.leaseMs;
    const fence = { ...this.#makeFence(), leaseMs: Math.max(waitMs, this.#leaseMs) };
    const written = await this.parts.store.write([this.#fenceOp(fence, entry?.version ?? 'absent')]);
    if (!written.ok) throw new ParkLostError(this.parts.subscription);
    this.#version = written.versions[0] as number;
    return waitMs;
  }

  /** Everything that is parked, in its order. */
  async *load(): AsyncGenerator<ParkEntry> {
    yield* entriesOf(this.parts.store, this.keys);
  }

  async contentOf(seqs: readonly number[]): Promise<readonly (Content | undefined)[]> {
    const entries = await this.parts.store.read(seqs.map((seq) => this.keys.content(seq)));
    return entries.map((entry) => entry && readContent(entry.value));
  }

  read(seqs: readonly number[]): Promise<readonly (StoreEntry | undefined)[]> {
    return this.parts.store.read(seqs.map((seq) => this.keys.at(seq)));
  }

  /** Changes with every ring; see ParkKeys. */
  async bellVersion(): Promise<number> {
    const [entry] = await this.parts.store.read([this.keys.bell]);
    return entry?.version ?? 0;
  }

  /** Behind all others. What `expects` names can come from the broker once more: it was not told yet that it is here. */
  async append(
    messages: readonly { readonly record: ParkRecord; readonly content: Content }[],
    expects: readonly string[],
  ): Promise<readonly ParkEntry[]> {
    for (const name of expects) this.expect(name);
    const first = this.#nextSeq;
    this.#nextSeq += messages.length;
    const ops = messages.flatMap(({ record, content }, at): StoreOp[] => [
      { op: 'put', key: this.keys.at(first + at), value: writeRecord(record), if: 'absent' },
      { op: 'put', key: this.keys.content(first + at), value: writeContent(content), if: 'absent' },
    ]);
    const versions = await this.#change(ops);
    if (versions === undefined) throw this.#fail(new ParkLostError(this.parts.subscription));
    return messages.map(({ record }, at) => ({
      seq: first + at,
      version: versions[2 * at] as number,
      record,
    }));
  }

  /** undefined: somebody has taken it away, or revived it. */
  async update({ seq, version }: ParkEntry, record: ParkRecord): Promise<ParkEntry | undefined> {
    const value = writeRecord(record);
    const versions = await this.#change([{ op: 'put', key: this.keys.at(seq), value, if: version }]);
    return versions && { seq, version: versions[0] as number, record };
  }

  /** Whether it was still there as it was. */
  async remove({ seq, version }: ParkEntry): Promise<boolean> {
    const versions = await this.#change([
      { op: 'delete', key: this.keys.at(seq), if: version },
      { op: 'delete', key: this.keys.content(seq) },
    ]);
    return versions !== undefined;
  }

  /** Names a delivery that the broker may bring again; known for certain with the next write. */
  expect(name: string): void {
    this.#expected.set(name, this.parts.clock.now() + EXPECTED_FOR_MS);
  }

  isExpected(name: string): boolean {
    return this.#expected.has(name);
  }

  /** The broker has forgotten it. */
  met(name: string): void {
    this.#expected.delete(name);
  }

  /** Before the broker is asked for a lease as long as this. */
  async promise(leaseMs: number): Promise<void> {
    if (leaseMs <= this.#leaseMs) return;
    this.#leaseMs = leaseMs;
    await this.#change([]);
  }

  /** The next holder need not wait: nothing can come back to the broker. Nothing may be written after it. */
  async end(): Promise<void> {
    await this.#change([]); // behind everything that is on its way
    const fence = { ...this.#makeFence(), isClean: true };
    await this.parts.store.write([this.#fenceOp(fence, this.#version as number)]);
    this.#failure = new ParkLostError(this.parts.subscription);
  }

  #change(ops: readonly StoreOp[]): Promise<readonly number[] | undefined> {
    if (this.#failure !== undefined) return Promise.reject(this.#failure);
    return new Promise((done, failed) => {
      this.#waiting.push({ ops, done, failed });
      if (this.#writing) return;
      this.#writing = true;
      queueMicrotask(() => void this.#writeAll());
    });
  }

  async #writeAll(): Promise<void> {
    while (this.#waiting.length > 0 && this.#failure === undefined) {
      const group = this.#waiting.splice(0, MOST_AT_ONCE);
      try {
        await this.#write(group);
      } catch (cause) {
        this.#waiting.unshift(...group);
        const { subscription } = this.parts;
        this.#fail(
          cause instanceof ParkLostError ? cause : new ParkUnavailableError(subscription, { cause }),
        );
      }
    }
    this.#writing = false;
  }

  async #write(group: readonly Change[]): Promise<void> {
    const fence = this.#fenceOp(this.#makeFence(), this.#version as number);
    const written = await this.parts.store.write([fence, ...group.flatMap(({ ops }) => ops)]);
    if (written.ok) {
      this.#version = written.versions[0] as number;
      let at = 1;
      for (const { ops, done } of group) done(written.versions.slice(at, (at += ops.length)));
      return;
    }
    const inConflict = new Set(written.conflicts.map(({ key }) => key));
    if (inConflict.has(this.keys.fence)) throw new ParkLostError(this.parts.subscription);
    const isSound = ({ ops }: Change): boolean => !ops.some(({ key }) => inConflict.has(key));
    this.#waiting.unshift(...group.filter(isSound));
    for (const change of group) if (!isSound(change)) change.done(undefined);
  }

  #fail(error: ParkLostError | ParkUnavailableError): ParkLostError | ParkUnavailableError {
    if (this.#failure !== undefined) return this.#failure;
    this.#failure = error;
    for (const { failed } of this.#waiting.splice(0)) failed(error);
    this.parts.broken(error);
    return error;
  }

  #makeFence(): Fence {
    const now = this.parts.clock.now();
    for (const [name, until] of this.#expected) {
      if (until > now) break; // in the order of their ends
      this.#expected.delete(name);
    }
    const { holder } = this.parts;
    const expected = [...this.#expected];
    return { holder, isClean: false, leaseMs: this.#leaseMs, nextSeq: this.#nextSeq, expected };
  }

  #fenceOp(fence: Fence, version: number | 'absent'): StoreOp {
    return { op: 'put', key: this.keys.fence, value: JSON.stringify(fence), if: version };
  }
}

/** What is parked of one subscription, in its order, page by page. */
export async function* entriesOf(store: Store, keys: ParkKeys): AsyncGenerator<ParkEntry> {
  for (let after: string | undefined; ;) {
    const page = await store.scan(keys.places, { limit: PAGE, ...(after !== undefined && { after }) });
    for (const { key, version, value } of page)
      yield { seq: keys.seqOf(key), version, record: readRecord(value) };
    if (page.length < PAGE) return;
    after = page.at(-1)?.key;
  }
}
