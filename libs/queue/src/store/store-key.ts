import { quote } from '../message/names.js';
import { QueueError } from '../message/queue-error.js';
import { MAX_STORE_KEY_BYTES } from './store.js';

/** A key that takes more bytes than every store can keep. */
export class StoreKeyError extends QueueError {
  readonly code = 'store_key';

  constructor(key: string) {
    const bytes = Buffer.byteLength(key);
    super(
      `the store key ${quote(key)} takes ${bytes} bytes, at most ${MAX_STORE_KEY_BYTES} are allowed: store its hash`,
    );
  }
}

/** Throws StoreKeyError. */
export function checkStoreKey(key: string): void {
  // No character takes more than three bytes per UTF-16 unit.
  if (key.length * 3 > MAX_STORE_KEY_BYTES && Buffer.byteLength(key) > MAX_STORE_KEY_BYTES)
    throw new StoreKeyError(key);
}
