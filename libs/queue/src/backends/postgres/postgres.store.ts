import { BackendClosedError } from '../../backend/backend.errors.js';
import { quote } from '../../message/names.js';
import { QueueError } from '../../message/queue-error.js';
import { type Page, type Store, type StoreEntry, type StoreOp, type WriteResult } from '../../store/store.js';
import { checkStoreKey } from '../../store/store-key.js';
import { textArray } from './postgres.arrays.js';
import type { PostgresDatabase } from './postgres.database.js';
import { numberOf } from './postgres.delivery.js';
import { namedStatements, type Row } from './postgres.session.js';
import { foreignSession } from './postgres.foreign-session.js';

const ALIVE = '(expires_at IS NULL OR expires_at > statement_timestamp())';
const COLUMNS = 'key, value, version, floor(extract(epoch FROM expires_at) * 1000)';
/** After every character that a key can hold. */
const LAST_CHARACTER = '\u{10ffff}';

const storeStatements = (s: string) =>
  namedStatements({
    storeRead: `SELECT ${COLUMNS} FROM ${s}.store WHERE key = ANY ($1::text[]) AND ${ALIVE}`,
    storeScan: `
      SELECT ${COLUMNS} FROM ${s}.store WHERE key >= $1 AND key < $2 AND key > $3 AND ${ALIVE} ORDER BY key LIMIT $4`,
    storeWrite: `SELECT array_to_string(versions, ',') AS versions, conflicts::text AS conflicts FROM ${s}.store_write($1)`,
  });

/** A key or value that PostgreSQL cannot keep as text. */
export class StoreTextError extends QueueError {
  readonly code = 'store_text';

  constructor(key: string, problem: string) {
    super(`the store entry ${quote(key)} cannot be kept: ${problem}`);
  }
}

export interface StoreParts {
  readonly backend: string;
  readonly database: PostgresDatabase;
}

/** The store beside the messages. Each call is one round trip; times are the server's. */
export class PostgresStore implements Store {
  readonly #parts: StoreParts;
  readonly #sql: ReturnType<typeof storeStatements>;
  #closed = false;

  constructor(parts: StoreParts) {
    this.#parts = parts;
    this.#sql = storeStatements(parts.database.schema);
  }

  async read(keys: readonly string[]): Promise<readonly (StoreEntry | undefined)[]> {
    this.#refuseWhenClosed('read the store');
    const asked = keys.filter((key) => !key.includes('\0'));
    if (asked.length === 0) return keys.map(() => undefined);
    const { rows } = await this.#parts.database.read({ doing: 'read the store' }, this.#sql.storeRead, [
      textArray(asked),
    ]);
    const found = new Map(rows.map((row) => [row[0], entryOf(row)]));
    return keys.map((key) => found.get(key));
  }

  async write(ops: readonly StoreOp[], options?: { readonly tx?: unknown }): Promise<WriteResult> {
    this.#refuseWhenClosed('write to the store');
    if (ops.length === 0) return { ok: true, versions: [] };
    for (const op of ops) checkOp(op);
    const values = [JSON.stringify(ops.map(asJson))];
    const { database, backend } = this.#parts;
    const { rows } =
      options?.tx === undefined
        ? await database.write({ doing: 'write to the store' }, this.#sql.storeWrite, values)
        : await foreignSession(backend, options.tx).run(this.#sql.storeWrite, values);
    const [versions, conflicts] = rows[0] ?? [];
    if (typeof conflicts === 'string') return conflicting(JSON.parse(conflicts) as ConflictJson[]);
    return { ok: true, versions: (versions ?? '').split(',').map(Number) };
  }

  async scan(prefix: string, { after = '', limit }: Page): Promise<readonly StoreEntry[]> {
    this.#refuseWhenClosed('scan the store');
    if (prefix.includes('\0')) return [];
    const values = [prefix, prefix + LAST_CHARACTER, after, limit];
    const { rows } = await this.#parts.database.read(
      { doing: 'scan the store' },
      this.#sql.storeScan,
      values,
    );
    return rows.map(entryOf);
  }

  close(): Promise<void> {
    this.#closed = true;
    return Promise.resolve();
  }

  #refuseWhenClosed(doing: string): void {
    if (this.#closed) throw new BackendClosedError(this.#parts.backend, doing);
  }
}

type ConflictJson = readonly [key: string, value: string | null, version: string, expiresAt: number | null];

function conflicting(found: readonly ConflictJson[]): WriteResult {
  const conflicts = found.map(([key, value, version, expiresAt]) => {
    const entry = { key, value: value ?? '', version: Number(version), expiresAt: expiresAt ?? undefined };
    return { key, entry: value === null ? undefined : entry };
  });
  return { ok: false, conflicts };
}

/** As the function in the database reads it. */
function asJson(op: StoreOp): object {
  if (op.op === 'delete') return { key: op.key, if: condition(op.if) };
  const ttlMs = op.ttlMs === undefined ? undefined : Math.ceil(op.ttlMs);
  return { key: op.key, value: op.value, if: condition(op.if), ttlMs };
}

function condition(wanted: 'absent' | number | undefined): string | undefined {
  return wanted === undefined ? undefined : String(wanted);
}

function checkOp(op: StoreOp): void {
  checkStoreKey(op.key);
  if (op.key.includes('\0') || (op.op === 'put' && op.value.includes('\0')))
    throw new StoreTextError(op.key, 'PostgreSQL has no text with a zero character in it: encode it');
}

function entryOf([key, value, version, expiresAt]: Row): StoreEntry {
  return {
    key: key as string,
    value: value as string,
    version: Number(version),
    expiresAt: numberOf(expiresAt),
  };
}
