import type { MessageContext } from '../../interceptors/message-context.js';
import { toBytes } from '../../message/body.js';
import { exponential, schedule } from '../../policies/backoff.js';
import { Reject } from '../../policies/verdicts.js';
import { REPLAY_COUNT_HEADER } from '../../publish/dead-letters.js';
import { must, mustEqual } from '../expectations.js';
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

/** C and D with a consumer on top: what follows when a handler fails, and when it takes its process with it. */
export const FAILURE_LAWS: readonly Law[] = [
  {
    id: 'B13',
    title: 'a handler that writes into its message and fails spoils nothing for the next attempt',
    does: async (bench) => {
      const seen: string[] = [];
      const handle = ({ body, data, headers, attempt }: MessageContext): void => {
        seen.push(`${Buffer.from(toBytes(body)).toString('hex')} ${JSON.stringify(headers)}`);
        for (const bytes of [body, data]) if (bytes instanceof Uint8Array) bytes.fill(0);
        try {
          Object.assign(headers, { h: 'changed' });
        } catch {
          // Frozen: better still.
        }
        if (attempt < 3) fail();
      };
      const running = await consume(bench, { handle });
      await bench.publish(bench.message({ body: Uint8Array.of(1, 2, 0xff) }));
      await bench.time.until(() => running.settled.includes('ack'), 3_000);
      mustEqual(new Set(seen), new Set(['0102ff {}']), 'what the attempts saw');
    },
  },
  {
    id: 'C2',
    title: 'attempts follow the schedule exactly, and jitter and cap stay in their bounds',
    does: async (bench) => {
      const waits = [100, 300, 500] as const;
      const at: number[] = [];
      const handle = (): never => {
        at.push(bench.time.clock.mono());
        return fail();
      };
      await consume(bench, { handle, retry: { attempts: 4, backoff: schedule(waits) } });
      await bench.publish(bench.message());
      await bench.time.until(() => at.length === 4, 5_000);
      for (const [n, waitMs] of waits.entries()) {
        const tookMs = (at[n + 1] as number) - (at[n] as number);
        must(tookMs >= waitMs, `attempt ${n + 2} came ${waitMs - tookMs} ms early`);
        must(tookMs <= waitMs + 50 + bench.time.slackMs, `attempt ${n + 2} came ${tookMs - waitMs} ms late`);
      }
      const backoff = exponential(1_000, { factor: 1.5, cap: 5_000, jitter: 0.2 });
      mustEqual(
        [1, 2, 3, 4, 5].map((n) => backoff(n, 0)),
        [1_000, 1_500, 2_250, 3_375, 5_000],
        'the multiplier and cap',
      );
      must(
        backoff(2, 0.999) <= 1_800 && backoff(2_000, 0.999) === 5_000,
        'jitter must stay inside its bounds',
      );
    },
  },
  {
    id: 'C10',
    title: 'when every handler run fails, each message is tried as often as it should be, and no oftener',
    does: async (bench) => {
      const running = await consume(bench, { handle: fail });
      await bench.publish(...bench.messages(100));
      await bench.time.until(() => running.settled.filter((kind) => kind === 'dead').length === 100, 8_000);
      mustEqual(running.starts.length, 300, 'the handler runs');
      mustEqual(running.settled.length, 300, 'the settlements');
      mustEqual((await bench.depth()).dead, 100, 'the dead letters');
    },
  },
  {
    id: 'D1',
    title: 'with three attempts there are three handler runs, then a dead letter with the three failures',
    proves: ['dead'],
    does: async (bench) => {
      const running = await consume(bench, { handle: fail });
      await bench.publish(bench.message());
      await bench.time.until(() => running.settled.includes('dead'), 3_000);
      mustEqual(
        [running.starts.length, running.settled],
        [3, ['retry', 'retry', 'dead']],
        'runs and settlements',
      );
      const [dead] = await bench.browse('dead');
      const failures = dead?.failures.map(({ attempt, reason, error }) => [attempt, reason, error.name]);
      mustEqual(
        failures,
        [1, 2, 3].map((attempt) => [attempt, 'handler_error', 'Error']),
        'its failures',
      );
    },
  },
  {
    id: 'D2',
    title: 'what no attempt can mend is dead after the first',
    does: async (bench) => {
      const running = await consume(bench, {
        handle: ({ key }) => {
          if (key === 'rejected') throw new Reject('no such account');
          return fail();
        },
        retry: { never: [Boom] },
      });
      await bench.publish(bench.message({ key: 'rejected' }), bench.message({ key: 'never' }));
      await bench.time.until(() => running.settled.length === 2, 3_000);
      mustEqual([running.starts.length, running.settled], [2, ['dead', 'dead']], 'runs and settlements');
    },
  },
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
    id: 'D10',
    title:
      'a replayed dead letter reaches the subscription it died in, counts from one, and no other sees it',
    does: async (bench) => {
      await bench.ensure({ 'laws.bystander': ['laws.topic'] });
      const runs: string[] = [];
      let broken = true;
      const handle = ({ attempt, headers }: MessageContext): void => {
        runs.push(`${attempt} ${headers[REPLAY_COUNT_HEADER] ?? 'new'}`);
        if (broken) fail();
      };
      const running = await consume(bench, { handle, retry: { attempts: 2 } });
      const bystander = await consume(bench, { handle: () => undefined, subscription: 'laws.bystander' });
      const [id] = await bench.publish(bench.message());
      await bench.time.until(() => running.settled.includes('dead'), 3_000);
      broken = false;
      mustEqual(
        await openBus(bench)
          .deadLetters('laws.subscription')
          .replay(id as string),
        1,
        'what was replayed',
      );
      await bench.time.until(() => running.settled.includes('ack'), 3_000);
      mustEqual(runs, ['1 new', '2 new', '1 1'], 'attempt and replay count of each run');
      mustEqual(
        [bystander.starts.length, (await bench.depth()).dead],
        [1, 0],
        'bystander runs and dead letters',
      );
    },
  },
  {
    id: 'D17',
    title: 'an error that cannot even be read still ends as a dead letter',
    does: async (bench) => {
      const hostile = new Proxy(new Error('x'), {
        get: () => {
          throw new Error('not readable');
        },
      });
      const errors: unknown[] = [
        hostile,
        null,
        undefined,
        Symbol('s'),
        Object.freeze(new Error('e'.repeat(1e6))),
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
