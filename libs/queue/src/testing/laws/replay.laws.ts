import type { Backend } from '../../backend/backend.js';
import type { Peeked } from '../../backend/inspect.js';
import type { Delivery } from '../../message/delivery.js';
import type { DeadLetters } from '../../publish/dead-letters/dead-letters.js';
import { lineageOf } from '../../publish/dead-letters/lineage.js';
import type { ReplayOptions, ReplayReport } from '../../publish/dead-letters/replay.js';
import { AlteredBackend } from '../altered-backend.js';
import { codeOf, must, mustEqual } from '../expectations.js';
import type { Gate, Law } from '../law.js';
import { type LawBench, SUBSCRIPTION, TOPIC } from '../law-bench.js';
import { openBus } from '../law-consumer.js';
import { ProcessView } from '../process-view.js';

const REPLAY: Gate = {
  needs: 'dead letters that can be browsed, and lanes to send them back through',
  met: ({ dead, browse, lane }) => dead !== 'none' && browse !== 'none' && lane,
};
const BYSTANDER = 'laws.bystander';
const AT_ONCE: ReplayOptions = { rate: 1e6 };
const PATIENCE_MS = 60_000;

/** D: the way back from the dead, of many at once. */
export const REPLAY_LAWS: readonly Law[] = [
  {
    id: 'D10b',
    title: 'a replay moves what its filter names, at its rate, and a dry run moves nothing',
    gate: REPLAY,
    does: async (bench) => {
      const ids = await bury(bench, 6);
      const letters = lettersOf(bench);
      const wanted = { where: ({ id }: Peeked) => id !== ids[0] };
      const dry = await letters.replayAll(wanted, { dryRun: true });
      mustEqual([dry.replayed, dry.ids], [5, ids.slice(1)], 'the dry run');
      mustEqual([await readyIds(bench), (await bench.depth()).dead], [[], 6], 'what the dry run left');
      const startedAt = bench.time.clock.mono();
      const report = await finished(bench, letters.replayAll(wanted, { rate: 5 }));
      must(
        bench.time.clock.mono() - startedAt >= 780,
        'five messages at five a second take most of a second',
      );
      mustEqual([report.replayed, await readyIds(bench)], [5, ids.slice(1)], 'what was replayed');
      mustEqual(
        (await bench.browse('dead')).map(({ id }) => id),
        ids.slice(0, 1),
        'what stays dead',
      );
      mustEqual((await bench.depth(BYSTANDER)).ready, 6, 'the copies of the other subscription');
      await ackAll(bench);
    },
  },
  {
    id: 'D11',
    title: 'a replay that was killed goes on where it was: nothing is lost, and little repeats',
    gate: REPLAY,
    does: async (bench) => {
      const ids = await bury(bench, 8);
      for (const livesFor of [1, 3]) {
        const letters = openBus(bench, dyingAfter(bench, livesFor)).deadLetters(SUBSCRIPTION);
        const replay = letters.replayAll({}, { rate: 10 });
        const code = await ended(
          bench,
          replay.then(() => 'finished', codeOf),
        );
        mustEqual(code, 'replay_stopped', 'how a replay ends whose process is cut off');
      }
      await finished(bench, lettersOf(bench).replayAll({}, AT_ONCE));
      const back = await readyIds(bench);
      mustEqual([...new Set(back)].toSorted(), [...ids].toSorted(), 'what came back');
      must(
        back.length <= ids.length + 2,
        `${back.length} copies came back of ${ids.length}, one more a kill is allowed`,
      );
      mustEqual((await bench.depth()).dead, 0, 'what is still dead');
      await ackAll(bench);
    },
  },
  {
    id: 'D12',
    title: 'what keeps dying after its replays stays in quarantine, until it is forced',
    gate: REPLAY,
    does: async (bench) => {
      const [id] = await bury(bench, 1);
      const letters = lettersOf(bench);
      for (let replay = 0; replay < 5; replay++) {
        mustEqual(await letters.replay(id as string), 1, `replay ${replay + 1}`);
        await die(bench);
      }
      const refused = await letters.replay(id as string).then(() => 'replayed', codeOf);
      mustEqual(refused, 'quarantined', 'the answer to the sixth');
      const report = await finished(bench, letters.replayAll({}, AT_ONCE));
      mustEqual([report.replayed, report.quarantined], [0, 1], 'what a replay of all does with it');
      mustEqual([await readyIds(bench), (await bench.depth()).dead], [[], 1], 'where it is');
      mustEqual(await letters.replay(id as string, { force: true }), 1, 'the forced replay');
      await ackAll(bench);
    },
  },
  {
    id: 'D13',
    title: 'an edited dead letter goes back under a new id, and tells where it comes from and who did it',
    gate: REPLAY,
    does: async (bench) => {
      const [id] = await bury(bench, 1);
      const letters = lettersOf(bench);
      const letter = (await letters.get(id as string)) as Peeked;
      const newId = await letters.edit(letter, { by: 'ada', body: 'mended' });
      must(newId !== id, 'an edited message needs an id of its own');
      const [again, ...more] = await readyNow(bench);
      mustEqual([again?.id, again?.body, more.length], [newId, 'mended', 0], 'what went back');
      const { edited } = lineageOf(again as Delivery);
      mustEqual([edited?.from, edited?.by], [id, 'ada'], 'its lineage');
      mustEqual((await bench.depth()).dead, 0, 'the dead letters');
      mustEqual((await bench.depth(BYSTANDER)).ready, 1, 'the copies of the other subscription');
      await ackAll(bench);
    },
  },
  {
    id: 'D15',
    title: 'a replayed message that fails again is one dead letter of the same subscription again, no more',
    gate: REPLAY,
    does: async (bench) => {
      const [id] = await bury(bench, 1);
      for (let replay = 0; replay < 3; replay++) {
        await finished(bench, lettersOf(bench).replayAll({}, AT_ONCE));
        await die(bench);
      }
      const dead = await bench.browse('dead');
      mustEqual(
        dead.map((letter) => [letter.id, lineageOf(letter).replays]),
        [[id, 3]],
        'the dead letters',
      );
      mustEqual((await bench.depth(BYSTANDER)).dead, 0, 'those of the other subscription');
      await ackAll(bench);
    },
  },
];

function lettersOf(bench: LawBench): DeadLetters {
  return openBus(bench).deadLetters(SUBSCRIPTION);
}

/** Ids of so many messages that died here, and lie ready at a bystander. */
async function bury(bench: LawBench, count: number): Promise<readonly string[]> {
  await bench.ensure({ [BYSTANDER]: [TOPIC] });
  const ids = await bench.publish(...bench.messages(count));
  await die(bench);
  return ids;
}

/** Everything that is ready dies. */
async function die(bench: LawBench): Promise<void> {
  const { ready } = await bench.depth();
  const receiver = await bench.receiver();
  const deliveries = await bench.take(receiver, ready);
  const failure = bench.failure(1);
  await bench.settle(
    receiver,
    ...deliveries.map((delivery) => ({ kind: 'dead', delivery, failure }) as const),
  );
}

async function readyIds(bench: LawBench): Promise<readonly string[]> {
  return (await readyNow(bench)).map(({ id }) => id);
}

/** Where nobody can look at what is ready, it is taken and given back. */
async function readyNow(bench: LawBench): Promise<readonly Pick<Delivery, 'id' | 'body' | 'headers'>[]> {
  if (bench.capabilities.browse === 'all') return bench.browse('ready');
  const { ready } = await bench.depth();
  const receiver = await bench.receiver();
  const taken = await bench.take(receiver, ready);
  await bench.settle(receiver, ...taken.map((delivery) => ({ kind: 'release', delivery }) as const));
  await receiver.close();
  return taken;
}

async function ackAll(bench: LawBench): Promise<void> {
  for (const name of [SUBSCRIPTION, BYSTANDER]) {
    const { ready } = await bench.depth(name);
    const receiver = await bench.receiver(name);
    await bench.ack(receiver, ...(await bench.take(receiver, ready)));
  }
}

/** A process that dies once so many of its messages are stored, before it can remove their dead letters. */
function dyingAfter({ backend }: LawBench, count: number): Backend {
  const process = new ProcessView(backend);
  let stored = 0;
  return new AlteredBackend(process, {
    publish: async (batch, rightly) => {
      const results = await rightly(batch);
      stored += batch.length;
      if (stored >= count) process.kill();
      return results;
    },
  });
}

async function finished(bench: LawBench, replay: Promise<ReplayReport>): Promise<ReplayReport> {
  const report = await ended(bench, replay);
  mustEqual(report.state, 'finished', 'the end of the replay');
  return report;
}

/** Lets time pass as far as that takes. */
async function ended<T>(bench: LawBench, work: Promise<T>): Promise<T> {
  let isOver = false;
  const watched = work.finally(() => (isOver = true));
  watched.catch(() => undefined);
  await bench.time.until(() => isOver, PATIENCE_MS);
  return watched;
}
