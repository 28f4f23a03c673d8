import { Signing, type SigningPolicy } from '../../composed/signing.js';
import { TransformedBackend, type MessageTransform } from '../../composed/transformed.backend.js';
import type { Backend } from '../../backend/backend.js';
import { SIGNATURE_HEADER, withHeaders } from '../../message/headers.js';
import { codeOf, mustEqual } from '../expectations.js';
import type { Gate, Law } from '../law.js';
import { type LawBench, SUBSCRIPTION } from '../law-bench.js';
import { consume, openBus } from '../law-consumer.js';

const BROWSE: Gate = {
  needs: 'dead letters that can be browsed',
  met: ({ dead, browse, lane }) => dead === 'native-reason' && browse && lane,
};

const KEY = { id: 'k1', secret: 'a secret of the laws'.repeat(2) };
const SIGNED: SigningPolicy = { keys: [KEY], sign: 'k1', required: true, maxAgeMs: undefined };

export function transformed(bench: LawBench, transform: MessageTransform, below = bench.backend): Backend {
  return new TransformedBackend(below, transform, {
    clock: bench.ambient.clock,
    host: 'laws:1',
    report: () => undefined,
  });
}

/** K, where messages are not on the broker as their handlers see them. */
export const GUARDED_BODY_LAWS: readonly Law[] = [
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
];
