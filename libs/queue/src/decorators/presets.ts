import type { ConsumeOptions } from './consume.decorator.js';

/** Options of `@Consume` for one usual kind of work; what is written after it wins. */
export type Preset = Readonly<Partial<ConsumeOptions>>;

/**
 * Usual combinations, to be spread into the options of `@Consume`. Plain values: they promise nothing beyond their
 * options, and are planned like them.
 */
export const presets = Object.freeze({
  /** Short work that waits for others, such as calls over a network: many at once, and woken at once. */
  pushWorker: preset({ concurrency: 50 }),
  /** Long work: one at a time, nothing held beyond it; a minute after its process died it is somebody else's. */
  pullWorker: preset({ concurrency: 1, prefetch: 0, lease: '1m', maxLease: '6h' }),
  /** One message of a key at a time, in the order of publishing, through retries; a dead letter holds its key. */
  ordered: preset({ order: { by: 'key', onRetry: 'block-key', onDead: 'hold' } }),
  /** Many small writes in one go: up to 100 messages, or what comes within 50 ms. */
  bulk: preset({ batch: { size: 100, within: '50ms' } }),
  /** One process, one message at a time. */
  singleWriter: preset({ single: true, concurrency: 1, prefetch: 0 }),
  /** What may be lost and must not be repeated: acknowledged before it is handled. */
  atMostOnce: preset({ delivery: 'at-most-once' }),
});

function preset<Options extends Preset>(options: Options): Options {
  return Object.freeze(options);
}
