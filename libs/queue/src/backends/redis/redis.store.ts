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
import type { RedisLink } from './redis.link.js';
import { Script } from './redis.script.js';
import { READ_STORE, SCAN_STORE, WRITE_STORE } from './redis.store.lua.js';
import type { Argument } from './redis.wire.js';

const SCRIPTS = {
  read: new Script(READ_STORE),
  write: new Script(WRITE_STORE),
  scan: new Script(SCAN_STORE),
};
/** Keys of one call: Lua takes no more arguments at once, and the server serves nobody else meanwhile. */
const STEP = 1_000;

export interface StoreParts {
  readonly backend: string;
  readonly link: RedisLink;
  readonly clock: Clock;
  readonly commandTimeoutMs: number;
  readonly isBackendClosed: () => boolean;
}

/** The store in the same Redis, under keys of its own. Expiry is by the clock of the server. */
export class RedisStore implements Store {
  readonly #parts: StoreParts;
  #closed = false;

  constructor(parts: StoreParts) {
    this.#parts = parts;
  }

  async read(keys: readonly string[]): Promise<readonly (StoreEntry | undefined)[]> {
    const entries: (StoreEntry | undefined)[] = [];
    for (let at = 0; at < keys.length; at += STEP) {
      const asked = keys.slice(at, at + STEP);
      const found = (await this.#run('read the store', SCRIPTS.read, asked)) as readonly (Buffer | null)[];
      entries.push(...asked.map((key, nth) => entryOf(key, found[nth])));
    }
    return entries;
  }

  async write(ops: readonly StoreOp[], options?: { readonly tx?: unknown }): Promise<WriteResult> {
    const { backend } = this.#parts;
    this.#refuseWhenClosed('write to the store');
    if (options?.tx !== undefined) {
      throw new UnsupportedError(backend, 'write to the store in a transaction of yours', 'write without tx');
    }
    for (const { key } of ops) checkStoreKey(key);
    const reply = await this.#run('write to the store', SCRIPTS.write, ops.flatMap(argumentsOf));
    const [isWritten, ...rest] = reply as readonly [number, ...unknown[]];
    if (isWritten === 1) return { ok: true, versions: rest as number[] };
    return { ok: false, conflicts: conflictsOf(ops, rest) };
  }

  async scan(prefix: string, { limit, after = '' }: Page): Promise<readonly StoreEntry[]> {
    const entries: StoreEntry[] = [];
    while (entries.length < limit) {
      const asked = Math.min(STEP, limit - entries.length);
      const from = entries.at(-1)?.key ?? after;
      const reply = await this.#run('scan the store', SCRIPTS.scan, [prefix, from, asked]);
      const found = readEntries(reply as readonly Buffer[]);
      entries.push(...found);
      if (found.length < asked) break;
    }
    return entries;
  }

  close(): Promise<void> {
    this.#closed = true;
    return Promise.resolve();
  }

  /** Waits through an outage for as long as any call may take. */
  async #run(doing: string, script: Script, args: readonly Argument[]): Promise<unknown> {
    this.#refuseWhenClosed(doing);
    const { link, clock, commandTimeoutMs } = this.#parts;
    await link.whenUp(clock.mono() + commandTimeoutMs);
    return link.run(doing, script, args);
  }

  #refuseWhenClosed(doing: string): void {
    const { backend, isBackendClosed } = this.#parts;
    if (this.#closed || isBackendClosed()) throw new BackendClosedError(backend, doing);
  }
}

function argumentsOf(op: StoreOp): readonly Argument[] {
  const condition = op.if ?? '';
  return op.op === 'put'
    ? [op.op, op.key, condition, op.ttlMs ?? '', op.value]
    : [op.op, op.key, condition, '', ''];
}

/** The place of an operation and what stands there, in turn. */
function conflictsOf(ops: readonly StoreOp[], found: readonly unknown[]): readonly Conflict[] {
  return Array.from({ length: found.length / 2 }, (_, nth) => {
    const { key } = ops[found[2 * nth] as number] as StoreOp;
    return { key, entry: entryOf(key, found[2 * nth + 1] as Buffer | null) };
  });
}

function readEntries(found: readonly Buffer[]): readonly StoreEntry[] {
  return Array.from({ length: found.length / 2 }, (_, nth) => {
    return entryOf((found[2 * nth] as Buffer).toString(), found[2 * nth + 1]) as StoreEntry;
  });
}

function entryOf(key: string, raw: Buffer | null | undefined): StoreEntry | undefined {
  if (!raw) return undefined;
  const versionEnd = raw.indexOf(' ');
  const expiryEnd = raw.indexOf(' ', versionEnd + 1);
  const expiresAt = Number(raw.toString('latin1', versionEnd + 1, expiryEnd));
  return {
    key,
    value: raw.toString('utf8', expiryEnd + 1),
    version: Number(raw.toString('latin1', 0, versionEnd)),
    expiresAt: expiresAt === 0 ? undefined : expiresAt,
  };
}
