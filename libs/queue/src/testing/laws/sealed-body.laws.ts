import { Compression } from '../../composed/compression.js';
import { Encryption } from '../../composed/encryption.js';
import { Signing } from '../../composed/signing.js';
import type { Backend } from '../../backend/backend.js';
import { COMPRESSION_HEADER, NO_HEADERS, withHeaders } from '../../message/headers.js';
import { mustEqual } from '../expectations.js';
import type { Law } from '../law.js';
import { type LawBench, TOPIC } from '../law-bench.js';
import { consume, openBus } from '../law-consumer.js';
import { MemoryBlobs } from '../memory-blobs.js';
import { BROWSE, claiming, SIGNED, transformed } from './guarded-body.laws.js';

const WORD = 'nobody reads this';
const LONG = { text: WORD.repeat(500) };
const ENCRYPTION = new Encryption({
  keys: [{ id: 'k1', secret: 'another secret of the laws'.repeat(2) }],
  encrypt: 'k1',
  required: true,
});
const COMPRESSION = new Compression('laws', { algorithm: 'deflate', overBytes: 100, maxBytes: 10_000 });

/** Compressed, encrypted, kept elsewhere and signed, in this order. */
function sealing(bench: LawBench, blobs: MemoryBlobs): Backend {
  const signed = transformed(bench, new Signing(SIGNED, bench.ambient.clock));
  return transformed(bench, COMPRESSION, transformed(bench, ENCRYPTION, claiming(bench, blobs, signed)));
}

/** K6, the whole of it. */
export const SEALED_BODY_LAWS: readonly Law[] = [
  {
    id: 'K6',
    title:
      'compression, encryption, a claim check and a signature compose, over a retry; what was tampered with is dead',
    gate: BROWSE,
    does: async (bench) => {
      const blobs = new MemoryBlobs();
      const process = sealing(bench, blobs);
      const bus = openBus(bench, process);
      await bus.publish(TOPIC, LONG, { id: 'tampered' });
      for (const { bytes } of blobs.held.values()) bytes.reverse();
      await bus.publish(TOPIC, LONG, { id: 'whole' });
      const stored = [...blobs.held.values()].map(({ bytes }) => Buffer.from(bytes));
      mustEqual(
        stored.filter((bytes) => bytes.includes(WORD) || bytes.byteLength > 500),
        [],
        'what can be read, or is long',
      );
      const seen: unknown[] = [];
      const handle = ({ id, data, attempt }: { id: string; data: unknown; attempt: number }): void => {
        seen.push([id, attempt, data]);
        if (attempt === 1) throw new TypeError('once');
      };
      const running = await consume(bench, { process, handle, policies: { raw: false } });
      await bench.time.until(() => running.settled.includes('ack'), 3_000);
      mustEqual(
        seen,
        [
          ['whole', 1, LONG],
          ['whole', 2, LONG],
        ],
        'what was handled',
      );
      const reasons = (await bench.browse('dead')).map(({ id, failures }) => [id, failures.at(-1)?.reason]);
      mustEqual(reasons, [['tampered', 'wrong_blob']], 'the dead letters');
    },
  },
  {
    id: 'K6c',
    title:
      'what is not encrypted, changed, of another message, or would inflate without end is dead, and the next one is handled',
    gate: BROWSE,
    does: async (bench) => {
      const encrypted = ENCRYPTION.out(bench.message({ id: 'other', body: 'of another message' }));
      const bomb = withHeaders(NO_HEADERS, { [COMPRESSION_HEADER]: '1;deflate;text;1000000000' });
      const changed = ENCRYPTION.out(bench.message({ id: 'changed' }));
      const process = transformed(bench, COMPRESSION, transformed(bench, ENCRYPTION));
      const running = await consume(bench, { process, handle: () => undefined });
      await bench.publish(
        bench.message({ id: 'plain' }),
        { ...encrypted, id: 'stolen' },
        { ...changed, body: new Uint8Array(changed.body.length) },
        ENCRYPTION.out(bench.message({ id: 'bomb', headers: bomb })),
        ENCRYPTION.out(bench.message({ id: 'whole' })),
      );
      await bench.time.until(() => running.settled.length === 1, 3_000);
      await bench.time.pass(100);
      mustEqual(running.starts, ['whole'], 'what was handled');
      const dead = (await bench.browse('dead')).map(
        ({ id, failures }) => `${id}: ${failures.at(-1)?.reason}`,
      );
      const expected = [
        'bomb: bad_compression',
        ...['changed', 'plain', 'stolen'].map((id) => `${id}: bad_encryption`),
      ];
      mustEqual(dead.toSorted(), expected, 'the dead letters');
    },
  },
];
