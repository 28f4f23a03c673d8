import type { Clock } from '../../ambient/clock.js';
import { BackendClosedError, UnsupportedError } from '../../backend/backend.errors.js';
import {
  type Conflict,
  type Page,
  type Store,
  type StoreEntry,
  type StoreOp,
  type WriteResult,
} from '../../store/store.js';
import { checkStoreKey } from '../../store/store-key.js';

/** How many old entries each write looks at, to drop the expired ones: more than it adds, so garbage stays bounded. */
const SWEPT_PER_OP = 4;

/** A map with versions and expiry. Expired entries are absent at once, and freed a few at a time. */
export class MemoryStore implements Store {
  readonly #entries = new Map<string, StoreEntry>();
  #version = 0;
  /** Keys in order, made when a scan needs them and dropped when a key comes or goes. */
  #sortedKeys: readonly string[] | undefined;
  #sweep = this.#entries.keys();
  #closed = false;

  constructor(
    private readonly name: string,
    private readonly clock: Clock,
  ) {}

  /** Entries in memory, those included that expired and were not swept yet. */
  get size(): number {
    return this.#entries.size;
  }

  async read(keys: readonly string[]): Promise<readonly (StoreEntry | undefined)[]> {
    this.#checkOpen('read');
    return keys.map((key) => this.#live(key));
  }

  async write(ops: readonly StoreOp[], options?: { readonly tx?: unknown }): Promise<WriteResult> {
    this.#checkOpen('write');
    if (options?.tx !== undefined) {
      throw new UnsupportedError(
        this.name,
        'join a transaction',
        'write after the commit, or use a SQL backend',
      );
    }
    for (const { key } of ops) checkStoreKey(key);
    const conflicts = ops
      .filter((op) => !this.#holds(op))
      .map(({ key }): Conflict => ({ key, entry: this.#live(key) }));
    if (conflicts.length > 0) return { ok: false, conflicts };
    const versions = ops.map((op) => this.#apply(op));
    this.#sweepSome(ops.length * SWEPT_PER_OP);
    return { ok: true, versions };
  }

  async scan(prefix: string, page: Page): Promise<readonly StoreEntry[]> {
    this.#checkOpen('scan');
    const keys = (this.#sortedKeys ??= [...this.#entries.keys()].sort());
    const found: StoreEntry[] = [];
    for (let at = firstAfter(keys, prefix, page.after); at < keys.length && found.length < page.limit; at++) {
      const key = keys[at] as string;
      if (!key.startsWith(prefix)) break;
      const entry = this.#live(key);
      if (entry !== undefined) found.push(entry);
    }
    return found;
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#entries.clear();
    this.#sortedKeys = undefined;
  }

  #live(key: string): StoreEntry | undefined {
    const entry = this.#entries.get(key);
    return entry === undefined || this.#isExpired(entry) ? undefined : entry;
  }

  #isExpired(entry: StoreEntry): boolean {
    return entry.expiresAt !== undefined && entry.expiresAt <= this.clock.now();
  }

  #holds(op: StoreOp): boolean {
    if (op.if === undefined) return true;
    const entry = this.#live(op.key);
    return op.if === 'absent' ? entry === undefined : entry?.version === op.if;
  }

  #apply(op: StoreOp): number {
    if (op.op === 'delete') {
      if (this.#entries.delete(op.key)) this.#sortedKeys = undefined;
      return 0;
    }
    const { key, value, ttlMs } = op;
    const version = ++this.#version;
    const expiresAt = ttlMs === undefined ? undefined : this.clock.now() + ttlMs;
    if (!this.#entries.has(key)) this.#sortedKeys = undefined;
    this.#entries.set(key, Object.freeze({ key, value, version, expiresAt }));
    return version;
  }

  #sweepSome(count: number): void {
    for (let looked = 0; looked < count; looked++) {
      const next = this.#sweep.next();
      if (next.done === true) {
        this.#sweep = this.#entries.keys();
        return;
      }
      const entry = this.#entries.get(next.value);
      if (entry === undefined || !this.#isExpired(entry)) continue;
      this.#entries.delete(next.value);
      this.#sortedKeys = undefined;
    }
  }

  #checkOpen(doing: string): void {
    if (this.#closed) throw new BackendClosedError(this.name, doing);
  }
}

/** Index of the first key that is at least `prefix` and beyond `after`. */
function firstAfter(keys: readonly string[], prefix: string, after: string | undefined): number {
  let low = 0;
  let high = keys.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    const key = keys[middle] as string;
    if (key < prefix || (after !== undefined && key <= after)) low = middle + 1;
    else high = middle;
  }
  return low;
}
