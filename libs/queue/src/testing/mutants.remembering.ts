import type { Page, Store, StoreOp, WriteResult } from '../store/store.js';
import type { Mutant } from './mutant.js';

interface StoreAlterations {
  readonly write?: (ops: readonly StoreOp[], store: Store) => Promise<WriteResult>;
  readonly scan?: (prefix: string, page: Page, store: Store) => ReturnType<Store['scan']>;
}

const mutant = (name: string, breaks: string, { write, scan }: StoreAlterations): Mutant => ({
  name,
  breaks,
  alterStore: (store) => ({
    read: (keys) => store.read(keys),
    write: (ops, options) => write?.(ops, store) ?? store.write(ops, options),
    scan: (prefix, page) => scan?.(prefix, page, store) ?? store.scan(prefix, page),
    close: () => store.close(),
  }),
});

/** Mistakes of what remembers. */
export const REMEMBERING_MUTANTS: readonly Mutant[] = [
  mutant('takes every condition for met', 'O3', {
    write: (ops, store) => store.write(ops.map(({ if: _condition, ...op }) => op as StoreOp)),
  }),
  mutant('writes the part of a write whose conditions hold', 'O2', {
    write: async (ops, store) => {
      const results: WriteResult[] = [];
      for (const op of ops) results.push(await store.write([op]));
      const conflicts = results.flatMap((result) => (result.ok ? [] : result.conflicts));
      if (conflicts.length > 0) return { ok: false, conflicts };
      return { ok: true, versions: results.flatMap((result) => (result.ok ? result.versions : [])) };
    },
  }),
  mutant('has the same version for every state of a key', 'O4', {
    write: async (ops, store) => {
      const result = await store.write(ops);
      return result.ok ? { ok: true, versions: result.versions.map((version) => version && 1) } : result;
    },
  }),
  mutant('remembers for ever', 'O5', {
    write: (ops, store) =>
      store.write(ops.map(({ ttlMs: _life, ...op }: StoreOp & { ttlMs?: number }) => op)),
  }),
  mutant('begins every page of a scan at the beginning', 'O6', {
    scan: (prefix, { limit }, store) => store.scan(prefix, { limit }),
  }),
];
