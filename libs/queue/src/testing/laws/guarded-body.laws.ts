import { ClaimCheck } from '../../composed/claim-check.js';
import { Signing, type SigningPolicy } from '../../composed/signing.js';
import { TransformedBackend, type MessageTransform } from '../../composed/transformed.backend.js';
import type { BlobStore } from '../../store/blob-store.js';
import type { Backend } from '../../backend/backend.js';
import { SIGNATURE_HEADER, withHeaders } from '../../message/headers.js';
import { codeOf, mustEqual } from '../expectations.js';
import type { Gate, Law } from '../law.js';
import { type LawBench, SUBSCRIPTION, TOPIC } from '../law-bench.js';
import { MemoryBlobs } from '../memory-blobs.js';
import { consume, drain, openBus } from '../law-consumer.js';

export const BROWSE: Gate = {
  needs: 'dead letters that can be browsed',
  met: ({ dead, browse, lane }) => dead === 'native-reason' && browse && lane,
};

const KEY = { id: 'k1', secret: 'a secret of the laws'.repeat(2) };
/** How the laws sign. */
export const SIGNED: SigningPolicy = { keys: [KEY], sign: 'k1', required: true, maxAgeMs: undefined };

export function transformed(bench: LawBench, transform: MessageTransform, below = bench.backend): Backend {
  return new TransformedBackend(below, transform, {
    clock: bench.ambient.clock,
    host: 'laws:1',
    report: () => undefined,
  });
}

const LARGE = { text: 'larger than ten' };

export function claiming(bench: LawBench, blobs: BlobStore, below = bench.backend): Backend {
  const policy = { overBytes: 10, maxBytes: 1_000, keepMs: 1e9, sweepEveryMs: 1e9 };
  const parts = { backend: 'laws', blobs, ambient: bench.ambient, report: () => undefined };
  return transformed(bench, new ClaimCheck(policy, parts), below);
}

/** K, where messages are not on the broker as their handlers see them. */
export const GUARDED_BODY_LAWS: readonly Law[] = [
  {
    id: 'K5',
    title: 'the blob of a large body goes with its last subscription, and not before',
    // Elsewhere it goes when it has expired: nobody knows which subscription is the last.
    gate: { needs: 'a broker that counts copies', met: ({ depth }) => depth === 'exact' },
    does: async (bench) => {
      await bench.ensure({ 'laws.other': [TOPIC] });
      const blobs = new MemoryBlobs();
      const process = claiming(bench, blobs);
      const bus = openBus(bench, process);
      const seen: unknown[] = [];
      const handle = ({ data, attempt }: { readonly data: unknown; readonly attempt: number }): void => {
        seen.push(data);
        if (attempt === 1) throw new TypeError('once');
      };
      await bus.publish(TOPIC, LARGE);
      const first = await consume(bench, { process, handle, policies: { raw: false } });
      await bench.time.until(() => first.settled.includes('ack'), 3_000);
      await bench.time.pass(100);
      mustEqual(blobs.held.size, 1, 'the blobs while one subscription has not handled it');
      const other = await consume(bench, {
        process,
        handle,
        policies: { raw: false },
        subscription: 'laws.other',
      });
      await bench.time.until(() => other.settled.includes('ack'), 3_000);
      await bench.time.until(() => blobs.held.size === 0, 1_000);
      mustEqual(seen, [LARGE, LARGE, LARGE, LARGE], 'what the handlers saw');
      await drain(bench, first);
      await drain(bench, other);
    },
  },
  {
    id: 'K5a',
    title: 'a message whose blob is gone is dead at once, and does not loop',
    gate: BROWSE,
    does: async (bench) => {
      const blobs = new MemoryBlobs();
      const process = claiming(bench, blobs);
      await openBus(bench, process).publish(TOPIC, LARGE);
      blobs.held.clear();
      const running = await consume(bench, { process, handle: () => undefined, policies: { raw: false } });
      await bench.time.pass(3_000);
      mustEqual(running.starts, [], 'what was handled without a body');
      const reasons = (await bench.browse('dead')).map(({ failures }) =>
        failures.map(({ reason }) => reason),
      );
      mustEqual(reasons, [['missing_blob']], 'the dead letters');
    },
  },
  {
    id: 'K6a',
    title:
      'what is not signed, signed by a stranger or changed on the way is dead before a handler sees it, and is not replayed',
    gate: BROWSE,
    does: async (bench) => {
      const signing = new Signing(SIGNED, bench.ambient.clock);
      const stranger = new Signing(
        { ...SIGNED, keys: [{ ...KEY, secret: 'x'.repeat(32) }] },
        bench.ambient.clock,
      );
      const process = transformed(bench, signing);
      const running = await consume(bench, { process, handle: () => undefined });
      const changed = signing.out(bench.message({ id: 'changed' }));
      await bench.publish(
        { ...changed, body: '{"plain":false}' },
        bench.message({ id: 'plain' }),
        stranger.out(bench.message({ id: 'stranger' })),
        bench.message({ id: 'noise', headers: withHeaders({}, { [SIGNATURE_HEADER]: '1;k1;0;' }) }),
        signing.out(bench.message({ id: 'signed' })),
      );
      await bench.time.until(() => running.settled.length === 1, 3_000);
      await bench.time.pass(100);
      mustEqual(running.starts, ['signed'], 'what was handled');
      const dead = await bench.browse('dead');
      mustEqual(
        dead.map(({ id }) => id).toSorted(),
        ['changed', 'noise', 'plain', 'stranger'],
        'the dead letters',
      );
      mustEqual(
        new Set(dead.map(({ failures }) => failures.at(-1)?.reason)),
        new Set(['bad_signature']),
        'their reason',
      );
      const letters = openBus(bench, process).deadLetters(SUBSCRIPTION);
      const answer = await letters.replay('changed').catch((error: unknown) => error);
      mustEqual(codeOf(answer), 'bad_signature', 'the answer to a replay of the changed one');
      mustEqual((await bench.depth()).dead, 4, 'the dead letters after it');
    },
  },
  {
    id: 'K6b',
    title:
      'a signature and a claim check compose: a large body comes whole, and one that was changed in its store is dead',
    gate: BROWSE,
    does: async (bench) => {
      const blobs = new MemoryBlobs();
      const process = claiming(bench, blobs, transformed(bench, new Signing(SIGNED, bench.ambient.clock)));
      const bus = openBus(bench, process);
      await bus.publish(TOPIC, LARGE, { id: 'changed' });
      for (const { bytes } of blobs.held.values()) bytes.reverse();
      await bus.publish(TOPIC, LARGE, { id: 'whole' });
      const seen: unknown[] = [];
      const handle = ({ id, data }: { readonly id: string; readonly data: unknown }): void =>
        void seen.push([id, data]);
      const running = await consume(bench, { process, handle, policies: { raw: false } });
      await bench.time.until(() => running.settled.includes('ack'), 3_000);
      mustEqual(seen, [['whole', LARGE]], 'what was handled');
      const reasons = (await bench.browse('dead')).map(({ id, failures }) => [id, failures.at(-1)?.reason]);
      mustEqual(reasons, [['changed', 'wrong_blob']], 'the dead letters');
    },
  },
];
