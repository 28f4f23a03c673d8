import type { MessageContext } from '../../interceptors/message-context.js';
import { toBytes } from '../../message/body.js';
import { exponential, schedule } from '../../policies/backoff.js';
import { Reject } from '../../policies/verdicts.js';
import { REPLAY_COUNT_HEADER } from '../../message/headers.js';
import { must, mustEqual } from '../expectations.js';
import type { Law } from '../law.js';
import { type LawBench, SUBSCRIPTION } from '../law-bench.js';
import { consume, openBus } from '../law-consumer.js';

class Boom extends Error {}

const fail = (): never => {
  throw new Boom('the handler failed');
};

/** C and D with a consumer on top: what follows when a handler fails. */
export const RETRY_LAWS: readonly Law[] = [
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
        must(tookMs <= waitMs + 50 + bench.time.latestMs, `attempt ${n + 2} came ${tookMs - waitMs} ms late`);
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
    id: 'D10',
    title:
      'a replayed dead letter reaches the subscription it died in, counts from one, and no other sees it',
    does: async (bench) => {
      await bench.ensure({ 'laws.bystander': ['laws.topic'] });
      const runs: string[] = [];
      let broken = true;
      const handle = ({ attempt, headers }: MessageContext): void => {
        runs.push(`${attempt} ${Object.keys(headers).join()}`);
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
      mustEqual(runs, ['1 ', '2 ', '1 '], 'attempt and visible headers of each run');
      mustEqual(replayCounts(bench), [undefined, undefined, '1'], 'the replay counts of the deliveries');
      mustEqual(
        [bystander.starts.length, (await bench.depth()).dead],
        [1, 0],
        'bystander runs and dead letters',
      );
    },
  },
];

function replayCounts(bench: LawBench): readonly (string | undefined)[] {
  return bench.recorder.events
    .filter((event) => event.kind === 'delivered')
    .filter(({ delivery }) => delivery.subscription === SUBSCRIPTION)
    .map(({ delivery }) => delivery.headers[REPLAY_COUNT_HEADER]);
}
