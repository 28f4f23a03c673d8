import { sleep } from '../../ambient/clock.js';
import { codeOf, must, mustEqual } from '../expectations.js';
import type { Gate, Law } from '../law.js';
import { SUBSCRIPTION, TOPIC } from '../law-bench.js';
import { consume, type LawConsumer } from '../law-consumer.js';

const FANOUT: Gate = { needs: 'named fan-out', met: ({ fanout }) => fanout === 'named' };
/** Names that a careless mapping to a broker's own names would make one. */
const ALIKE = ['laws.a-b', 'laws.a_b', 'laws.a.b', 'laws.A-b', 'laws.a--b', `laws.${'x'.repeat(123)}`];
const NO_NAMES = ['', ' ', 'laws a', 'laws/a', 'laws:a', '.laws', 'läws', 'laws\n', 'x'.repeat(129)];

/** F with a consumer on top: who gets what. */
export const FAN_OUT_LAWS: readonly Law[] = [
  {
    id: 'F1',
    title: 'of three subscriptions one is paused: the others get everything, and it gets its own later',
    proves: ['fanout'],
    gate: FANOUT,
    does: async (bench) => {
      const names = [SUBSCRIPTION, 'laws.b', 'laws.c'];
      await bench.ensure({ 'laws.b': [TOPIC], 'laws.c': [TOPIC] });
      const handle = (): undefined => undefined;
      const all: LawConsumer[] = [];
      for (const subscription of names) all.push(await consume(bench, { subscription, handle }));
      const [paused, ...others] = all as [LawConsumer, ...LawConsumer[]];
      paused.consumer.pause();
      const ids = await bench.publish(...bench.messages(20));
      await bench.time.until(() => others.every(({ settled }) => settled.length === 20), 3_000);
      await bench.readyIs(20);
      mustEqual(paused.starts.length, 0, 'what the paused one did');
      paused.consumer.resume();
      // What was on its way when it was paused has gone back, and is counted there too.
      await bench.time.until(() => paused.settled.filter((kind) => kind === 'ack').length === 20, 3_000);
      for (const { starts } of all) mustEqual([...starts].sort(), [...ids].sort(), 'what each handled');
    },
  },
  {
    id: 'F3',
    title: 'instances of one subscription share its messages, and each handles some',
    proves: ['fanout'],
    does: async (bench) => {
      const policies = { concurrency: 1, prefetch: 0 };
      const handle = (): Promise<void> => sleep(bench.time.clock, 20);
      const all: LawConsumer[] = [];
      for (let n = 0; n < 3; n++) all.push(await consume(bench, { policies, handle }));
      const ids = await bench.publish(...bench.messages(30));
      const count = (pick: (one: LawConsumer) => readonly string[]): number =>
        all.reduce((sum, one) => sum + pick(one).length, 0);
      await bench.time.until(() => count(({ settled }) => settled) === 30, 5_000);
      mustEqual(all.flatMap(({ starts }) => starts).sort(), [...ids].sort(), 'what was handled together');
      must(
        all.every(({ starts }) => starts.length > 0),
        `they handled ${all.map(({ starts }) => starts.length).join(', ')}`,
      );
    },
  },
  {
    id: 'F5',
    title: 'names that look alike are different subscriptions, and what is no name is refused',
    proves: ['fanout', 'lane'],
    gate: { needs: 'lanes', met: ({ lane }) => lane },
    does: async (bench) => {
      await bench.ensure(Object.fromEntries(ALIKE.map((name) => [name, [name]])));
      for (const to of ALIKE) await bench.publish(bench.message({ to, topic: to }));
      for (const name of ALIKE) {
        const receiver = await bench.receiver(name);
        const delivery = await bench.takeOne(receiver);
        mustEqual([delivery.topic, (await bench.depth(name)).ready], [name, 0], `what came to ${name}`);
        await bench.ack(receiver, delivery);
      }
      for (const name of NO_NAMES) {
        const answer = await bench.ensure({ [name]: [TOPIC] }).catch((error: unknown) => codeOf(error));
        mustEqual(answer, 'invalid_name', `the answer to the name ${JSON.stringify(name)}`);
        bench.recorder.topology.delete(name);
      }
    },
  },
];
