import type { Page, Store, StoreEntry, StoreOp, WriteResult } from '../../store/store.js';
import type { Witness } from './witness.js';

/** The broker's store: tells the witness which keys it knows as handled. */
export class WitnessedStore implements Store {
  constructor(
    private readonly inner: Store,
    private readonly witness: Witness,
  ) {}

  read(keys: readonly string[]): Promise<readonly (StoreEntry | undefined)[]> {
    return this.inner.read(keys);
  }

  async write(ops: readonly StoreOp[]): Promise<WriteResult> {
    const result = await this.inner.write(ops);
    if (!result.ok) return result;
    for (const op of ops) {
      if (op.op === 'put' && op.value.includes('"done"'))
        this.witness.says({ kind: 'noted', storeKey: op.key });
    }
    return result;
  }

  scan(prefix: string, page: Page): Promise<readonly StoreEntry[]> {
    return this.inner.scan(prefix, page);
  }

  close(): Promise<void> {
    return this.inner.close();
  }
}
