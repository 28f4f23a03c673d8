import { sleep } from '../../ambient/clock.js';
import { Solo } from '../../consume/solo.js';
import { toBytes } from '../../message/body.js';
import { mustEqual } from '../expectations.js';
import type { Gate, Law } from '../law.js';
import { type LawBench, LEASE_MS } from '../law-bench.js';
import { consume, type LawConsumer, openBus } from '../law-consumer.js';
import { ProcessView } from '../process-view.js';

const CRASHES: Gate = {
  needs: 'attempts that are counted through crashes',
  met: ({ attempts }) => attempts === 'counted-on-crash',
};

class Boom extends Error {}

const fail = (): never => {
  throw new Boom('the handler failed');
};

/** D with a consumer on top: messages that hurt whoever handles them. */
export const CRASH_LAWS: readonly Law[] = [
  {
    id: 'D3b',
    title:
      'a message that cannot be decoded is dead at once with its bytes, and the next one is handled at once',
    does: async (bench) => {
      const bodies = [
        Uint8Array.of(0xff, 0xfe),
        '{"envelope":1',
        '[]',
        `{"envelope":1,"data":${'['.repeat(5_000)}`,
      ];
      const running = await consume(bench, { handle: () => undefined, policies: { raw: false } });
      const ids = await bench.publish(...bodies.map((body) => bench.message({ body })));
      const { id } = await openBus(bench).publish('laws.topic', { fine: true });
      await bench.time.until(() => running.starts.includes(id), 1_000);
      await bench.time.until(() => running.settled.length === 5, 1_000);
      mustEqual(running.starts, [id], 'what reached the handler');
      const dead = await bench.browse('dead');
      for (const [at, body] of bodies.entries()) {
        const letter = dead.find((peeked) => peeked.id === ids[at]);
        mustEqual(letter && [...toBytes(letter.body)], [...toBytes(body)], `the bytes of dead letter ${at}`);
      }
    },
  },
  {
    id: 'D4',
    title: 'a message that kills its process is dead after as many deaths as allowed, and no more',
    proves: ['attempts'],
    gate: CRASHES,
    does: async (bench) => {
      const [id] = await bench.publish(bench.message());
      const starts = await crashUntilDead(bench, [id as string]);
      mustEqual(starts.get(id as string), 2, 'the handler starts');
      const [dead] = await bench.browse('dead');
      mustEqual(
        [dead?.id, dead?.crashes, dead?.failures.at(-1)?.reason],
        [id, 2, 'crash'],
        'the dead letter',
      );
    },
  },
  {
    id: 'D5',
    title: 'the neighbours of a message that kills its process are handled, and none of them dies',
    proves: ['attempts'],
    gate: CRASHES,
    does: async (bench) => {
      const ids = await bench.publish(...bench.messages(10));
      await crashUntilDead(bench, [ids[4] as string]);
      const dead = await bench.browse('dead');
      mustEqual(
        dead.map(({ id }) => id),
        [ids[4]],
        'the dead letters',
      );
      const { ready, inflight } = await bench.depth();
      mustEqual([ready, inflight], [0, 0], 'what is left');
    },
  },
  {
    id: 'D5a',
    title: 'what may have ended a process runs while no other consumer of the process handles anything',
    gate: CRASHES,
    does: async (bench) => {
      const other = 'laws.other';
      await bench.ensure({ [other]: ['laws.other.topic'] });
      const [suspect] = await bench.publish(bench.message());
      const dying = new ProcessView(await bench.connect());
      await consume(bench, { process: dying, handle: () => new Promise(() => dying.kill()) });
      await bench.time.pass(2 * LEASE_MS);

      const solo = new Solo();
      const events: string[] = [];
      const handle = async ({ id }: { readonly id: string }): Promise<void> => {
        events.push(`+${id}`);
        await sleep(bench.time.clock, 50);
        events.push(`-${id}`);
      };
      await bench.publish(...bench.messages(20, { topic: 'laws.other.topic' }));
      await consume(bench, { handle, solo, subscription: other, policies: { concurrency: 4 } });
      await bench.time.until(() => events.length > 0, 1_000);
      await consume(bench, { handle, solo });
      await bench.time.until(() => events.filter((event) => event.startsWith('-')).length === 21, 10_000);
      const at = events.indexOf(`+${suspect}`);
      mustEqual(events[at + 1], `-${suspect}`, 'what came next after the suspect began');
      const running = events.slice(0, at).reduce((sum, event) => sum + (event.startsWith('+') ? 1 : -1), 0);
      mustEqual(running, 0, 'the handlers at work when the suspect began');
    },
  },
  {
    id: 'D6',
    title: 'three instances share one count of attempts',
    does: async (bench) => {
      const instances: LawConsumer[] = [];
      for (let n = 0; n < 3; n++) instances.push(await consume(bench, { handle: fail }));
      await bench.publish(...bench.messages(5));
      const all = (pick: (one: LawConsumer) => readonly string[]): readonly string[] =>
        instances.flatMap(pick);
      await bench.time.until(
        () => all(({ settled }) => settled).filter((kind) => kind === 'dead').length === 5,
        5_000,
      );
      mustEqual(all(({ starts }) => starts).length, 15, 'the handler runs together');
    },
  },
  {
    id: 'D7',
    title: 'while the dead letter cannot be written the message is kept and tried again',
    does: async (bench) => {
      const process = new ProcessView(bench.backend);
      const running = await consume(bench, { handle: fail, process, retry: { attempts: 1 } });
      process.settleFailure = process.gone('settle');
      await bench.publish(bench.message());
      await bench.time.until(() => running.starts.length === 1, 2_000);
      await bench.time.pass(100);
      mustEqual((await bench.depth()).dead, 0, 'the dead letters while the broker fails');
      process.settleFailure = undefined;
      await bench.time.until(() => running.settled.includes('dead'), 4 * LEASE_MS);
      mustEqual((await bench.depth()).dead, 1, 'the dead letters afterwards');
    },
  },
  {
    id: 'D17',
    title: 'an error that cannot even be read still ends as a dead letter',
    does: async (bench) => {
      const hostile = new Proxy(new Boom('x'), {
        get: () => {
          throw new Boom('not readable');
        },
      });
      const errors: unknown[] = [
        hostile,
        null,
        undefined,
        Symbol('s'),
        Object.freeze(new Boom('e'.repeat(1e6))),
      ];
      const running = await consume(bench, {
        handle: ({ key }) => {
          throw errors[Number(key)];
        },
        retry: { attempts: 1 },
      });
      await bench.publish(...errors.map((_, key) => bench.message({ key: String(key) })));
      await bench.time.until(() => running.settled.length === errors.length, 3_000);
      mustEqual(
        running.settled,
        errors.map(() => 'dead'),
        'the settlements',
      );
    },
  },
];

/**
 * Runs one process after the other, each of which dies as soon as a `killer` starts in it, until everything is
 * handled or dead. Answers how often each message was started.
 */
async function crashUntilDead(bench: LawBench, killers: readonly string[]): Promise<Map<string, number>> {
  const starts = new Map<string, number>();
  for (let life = 0; life < 8; life++) {
    const process = new ProcessView(await bench.connect());
    await consume(bench, {
      process,
      policies: { maxCrashes: 2, prefetch: 10, concurrency: 1 },
      retry: { attempts: 10 },
      handle: ({ id }) => {
        starts.set(id, (starts.get(id) ?? 0) + 1);
        if (!killers.includes(id)) return undefined;
        process.kill();
        return new Promise(() => {});
      },
    });
    await bench.time.pass(2 * LEASE_MS);
    const { ready, inflight } = await bench.depth();
    if (ready + inflight === 0) break;
    process.kill();
  }
  return starts;
}
