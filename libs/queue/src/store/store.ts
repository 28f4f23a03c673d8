/** SEAM 2: remembers things. A versioned key-value contract with conditional, all-or-nothing writes and expiry. */
export interface Store {
  /** One answer per key, in order; undefined for what is absent or expired. */
  read(keys: readonly string[]): Promise<readonly (StoreEntry | undefined)[]>;
  /** All operations or none. A condition that does not hold is an answer, not an error. */
  write(ops: readonly StoreOp[], options?: { readonly tx?: unknown }): Promise<WriteResult>;
  /** Entries whose key starts with `prefix`, by key. */
  scan(prefix: string, page: Page): Promise<readonly StoreEntry[]>;
  close(): Promise<void>;
}

export interface StoreEntry {
  readonly key: string;
  readonly value: string;
  /** Rises with every write of the key; never reused while the key lives. */
  readonly version: number;
  /** Wall clock, ms since the epoch; undefined: never. */
  readonly expiresAt: number | undefined;
}

/** `if: 'absent'` holds when there is no live entry; a number holds when that is the entry's version. */
export type StoreOp =
  | {
      readonly op: 'put';
      readonly key: string;
      readonly value: string;
      readonly if?: 'absent' | number;
      readonly ttlMs?: number;
    }
  | { readonly op: 'delete'; readonly key: string; readonly if?: number };

export type WriteResult =
  /** New version per operation, in order; 0 for a delete. */
  | { readonly ok: true; readonly versions: readonly number[] }
  /** Keys whose condition did not hold, with what stands there now. */
  | { readonly ok: false; readonly conflicts: readonly Conflict[] };

export interface Conflict {
  readonly key: string;
  readonly entry: StoreEntry | undefined;
}

export interface Page {
  readonly limit: number;
  /** Key of the last entry seen. */
  readonly after?: string;
}

/** Longest key in UTF-8 bytes. Callers hash what may be longer. */
export const MAX_STORE_KEY_BYTES = 512;
