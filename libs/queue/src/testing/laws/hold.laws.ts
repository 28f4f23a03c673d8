import type { Receiver } from '../../backend/backend.js';
import type { Delivery } from '../../message/delivery.js';
import { REPLAY_COUNT_HEADER } from '../../message/headers.js';
import { mustEqual } from '../expectations.js';
import type { Law } from '../law.js';
import { type LawBench, SUBSCRIPTION } from '../law-bench.js';
import { openBus } from '../law-consumer.js';
import {
  BY_KEY,
  drainNamed,
  HOLDS_KEY,
  mustCount,
  openOrdered,
  publishNamed,
  openEnsured,
  takeNamed,
} from '../law-order.js';

/** E at the seam: what a dead letter does to its key. */
export const HOLD_LAWS: readonly Law[] = [
  {
    id: 'E6',
    title: 'a dead letter that is skipped lets its key go on',
    proves: ['order'],
    gate: BY_KEY,
    does: async (bench) => {
      const receiver = await openEnsured(bench, { onDead: 'skip' });
      await killFirst(bench, receiver);
      mustEqual(await drainNamed(bench, receiver, 2), ['a2', 'a3'], 'the order');
      mustEqual(
        (await bench.browse('dead')).map(({ holdsKey }) => holdsKey ?? false),
        [false],
        'who holds',
      );
      const [a1] = await bench.browse('dead');
      await openBus(bench)
        .deadLetters(SUBSCRIPTION)
        .replay(a1?.id as string);
      mustEqual(await drainNamed(bench, receiver, 1), ['a1'], 'what comes after the replay');
    },
  },
  {
    id: 'E6a',
    title: 'a dead letter that holds its key comes back in its old place, and then the others follow',
    proves: ['onDead'],
    gate: HOLDS_KEY,
    does: async (bench) => {
      const receiver = await openEnsured(bench);
      await killFirst(bench, receiver);
      await publishNamed(bench, 'a4', 'b1');
      mustEqual(await drainNamed(bench, receiver, 1), ['b1'], 'what comes of the other keys');
      await bench.silence(receiver, 3 * bench.time.slackMs);
      await mustCount(bench, { ready: 0, held: 3, dead: 1 });
      const [letter] = await bench.browse('dead');
      mustEqual(letter?.holdsKey, true, 'whether it holds its key');
      mustEqual(
        await openBus(bench)
          .deadLetters(SUBSCRIPTION)
          .replay(letter?.id as string),
        1,
        'the replays',
      );
      const [a1] = (await takeNamed(bench, receiver, 'a1')) as readonly [Delivery];
      mustEqual(
        [a1.attempt, a1.crashes, a1.failures.length, a1.headers[REPLAY_COUNT_HEADER]],
        [1, 0, 0, '1'],
        'attempt, crashes, failures and replays',
      );
      await bench.ack(receiver, a1);
      mustEqual(await drainNamed(bench, receiver, 3), ['a2', 'a3', 'a4'], 'the order');
    },
  },
  {
    id: 'E6b',
    title: 'a key is held until its dead letter is purged, also for others than the one who saw it die',
    proves: ['onDead'],
    gate: HOLDS_KEY,
    does: async (bench) => {
      const receiver = await openEnsured(bench);
      await killFirst(bench, receiver);
      const other = await openOrdered(bench, { onDead: 'skip' }, await bench.connect());
      await publishNamed(bench, 'b1');
      mustEqual(await drainNamed(bench, other, 1), ['b1'], 'what another process gets');
      await bench.silence(other, 3 * bench.time.slackMs);
      const [letter] = await bench.browse('dead');
      await openBus(bench).deadLetters(SUBSCRIPTION).purge(letter?.ref);
      mustEqual(await drainNamed(bench, other, 2), ['a2', 'a3'], 'the order');
    },
  },
  {
    id: 'E6c',
    title: 'a key that is held with nobody behind it holds what is published later',
    proves: ['onDead'],
    gate: HOLDS_KEY,
    does: async (bench) => {
      const receiver = await openEnsured(bench);
      await killFirst(bench, receiver, 'a1');
      await publishNamed(bench, 'a2');
      await bench.silence(receiver, 3 * bench.time.slackMs);
      const [letter] = await bench.browse('dead');
      const revive = {
        kind: 'revive',
        subscription: SUBSCRIPTION,
        ref: letter?.ref as string,
        headers: {},
      } as const;
      const answers = [...(await bench.inspect(revive)), ...(await bench.inspect(revive))];
      mustEqual(
        answers.map((answer) => answer.kind === 'revived' && answer.count),
        [1, 0],
        'the answers',
      );
      mustEqual(await drainNamed(bench, receiver, 2), ['a1', 'a2'], 'the order');
    },
  },
  {
    id: 'E6e',
    title: 'a dead letter that holds its key does not expire',
    proves: ['onDead'],
    gate: HOLDS_KEY,
    does: async (bench) => {
      const receiver = await openEnsured(bench);
      await killFirst(bench, receiver);
      await bench.time.pass(10);
      const before = bench.ambient.clock.now();
      const [expired] = await bench.inspect({ kind: 'expire', subscription: SUBSCRIPTION, before });
      mustEqual(expired?.kind === 'purged' && expired.count, 0, 'what has expired');
      await mustCount(bench, { held: 2 });
      await bench.inspect({ kind: 'purge', subscription: SUBSCRIPTION, state: 'dead' });
      mustEqual(await drainNamed(bench, receiver, 2), ['a2', 'a3'], 'the order');
    },
  },
];

/** The first of these becomes a dead letter. */
async function killFirst(bench: LawBench, receiver: Receiver, ...names: readonly string[]): Promise<void> {
  const all = names.length === 0 ? ['a1', 'a2', 'a3'] : names;
  await publishNamed(bench, ...all);
  const [delivery] = (await takeNamed(bench, receiver, all[0] as string)) as readonly [Delivery];
  const failure = bench.failure(1);
  mustEqual(await bench.settle(receiver, { kind: 'dead', delivery, failure }), ['ok'], 'the answer');
}
