import { sleep } from '../../ambient/clock.js';
import { STRICT_ORDER } from '../../backend/key-order.js';
import type { MessageContext } from '../../interceptors/message-context.js';
import { fixed } from '../../policies/backoff.js';
import { must, mustEqual } from '../expectations.js';
import type { Law } from '../law.js';
import { type LawBench, SUBSCRIPTION } from '../law-bench.js';
import { consume, type LawConsumer, openBus } from '../law-consumer.js';
import { BLOCKS_KEY, BY_KEY, ensureOrder, HOLDS_KEY } from '../law-order.js';
import { ProcessView } from '../process-view.js';

const KEYS = 16;

class Boom extends Error {}

/** What handlers did, key by key. */
class Diary {
  /** Numbers of the messages that succeeded, by key. */
  readonly done = new Map<string, number[]>();
  count = 0;
  mostAtOnce = 0;
  readonly wrong: string[] = [];
  readonly #running = new Set<string>();

  constructor(private readonly bench: LawBench) {}

  /** A handler that takes a moment, and may fail. */
  readonly handle = async ({ key = '', body, attempt }: MessageContext): Promise<void> => {
    const number = Number(body);
    if (this.#running.has(key)) this.wrong.push(`${key}/${number} was started beside another one of its key`);
    this.#running.add(key);
    this.mostAtOnce = Math.max(this.mostAtOnce, this.#running.size);
    const { clock, random } = this.bench.ambient;
    await sleep(clock, Math.floor(random.next() * 4));
    this.#running.delete(key);
    if (attempt === 1 && number % 10 === 7) throw new Boom('the first attempt fails');
    this.#note(key, number);
  };

  #note(key: string, number: number): void {
    const done = this.done.get(key) ?? [];
    this.done.set(key, done);
    if (number !== done.length) this.wrong.push(`${key}/${number} came after ${done.length} of its key`);
    done.push(number);
    this.count++;
  }

  mustBeRight(): void {
    must(this.wrong.length === 0, this.wrong.slice(0, 3).join('; '));
  }
}

/** E with consumers on top. */
export const ORDERED_CONSUMER_LAWS: readonly Law[] = [
  {
    id: 'E1',
    title: 'every key is handled in its order, by however many consumers, failures and all',
    proves: ['order', 'onRetry'],
    gate: BLOCKS_KEY,
    does: async (bench) => {
      await ensureOrder(bench);
      const diary = new Diary(bench);
      for (let n = 0; n < 3; n++) await consumeOrdered(bench, diary);
      await publishRounds(bench, 25);
      await bench.time.until(() => diary.count >= KEYS * 25, 30_000);
      diary.mustBeRight();
      must(diary.mostAtOnce >= KEYS / 2, `only ${diary.mostAtOnce} keys were handled at once`);
    },
  },
  {
    id: 'E8',
    title: 'consumers that come and go change nothing about the order',
    proves: ['order'],
    gate: BLOCKS_KEY,
    does: async (bench) => {
      await ensureOrder(bench);
      const diary = new Diary(bench);
      const running = [await consumeOrdered(bench, diary)];
      await publishRounds(bench, 30);
      await bench.time.until(() => diary.count >= 80, 30_000);
      while (running.length < 5) running.push(await consumeOrdered(bench, diary));
      await bench.time.until(() => diary.count >= 240, 30_000);
      for (const { consumer } of running.slice(2)) void consumer.drain(1_000);
      await bench.time.until(() => diary.count >= KEYS * 30, 30_000);
      diary.mustBeRight();
    },
  },
  {
    id: 'E7a',
    title: 'a process that dies while it handles a key repeats that message at most, before the next',
    proves: ['order'],
    gate: BY_KEY,
    does: async (bench) => {
      await ensureOrder(bench);
      const starts: string[] = [];
      const handle = ({ body }: MessageContext) => void starts.push(String(body));
      const process = new ProcessView(bench.backend);
      const hang = (context: MessageContext) => {
        handle(context);
        process.kill();
      };
      const policies = { order: STRICT_ORDER };
      await consume(bench, { handle: hang, process, policies });
      await bench.publish(...[0, 1, 2].map((n) => bench.message({ key: 'a', body: String(n) })));
      await bench.time.until(() => process.isDead, 5_000);
      await consume(bench, { handle, policies });
      await bench.time.until(() => starts.length >= 4, 10_000);
      mustEqual(starts, ['0', '0', '1', '2'], 'the starts');
    },
  },
  {
    id: 'E6d',
    title: 'a message that every attempt fails on stops its key, and a replay sets it going again',
    proves: ['onDead'],
    gate: HOLDS_KEY,
    does: async (bench) => {
      await ensureOrder(bench);
      let mended = false;
      const done: string[] = [];
      const handle = ({ body }: MessageContext): void => {
        if (!mended && String(body) === 'a1') throw new Boom('not yet');
        done.push(String(body));
      };
      const running = await consume(bench, { handle, policies: { order: STRICT_ORDER } });
      const names = ['a0', 'a1', 'a2', 'b0', 'a3', 'b1'];
      await bench.publish(...names.map((body) => bench.message({ key: body.slice(0, 1), body })));
      await bench.time.until(() => running.settled.includes('dead') && done.length === 3, 5_000);
      mustEqual(done.toSorted(), ['a0', 'b0', 'b1'], 'what was handled');
      mended = true;
      const [letter] = await bench.browse('dead');
      await openBus(bench)
        .deadLetters(SUBSCRIPTION)
        .replay(letter?.id as string);
      await bench.time.until(() => done.length === 6, 5_000);
      mustEqual(
        done.filter((name) => name.startsWith('a')),
        ['a0', 'a1', 'a2', 'a3'],
        'the order of the key',
      );
    },
  },
  {
    id: 'E11',
    title: 'of a thousand keys nothing is left when they are drained',
    proves: ['order'],
    gate: BY_KEY,
    does: async (bench) => {
      await ensureOrder(bench);
      let count = 0;
      const policies = { order: STRICT_ORDER, concurrency: 100 };
      await consume(bench, { handle: () => void count++, policies });
      for (let round = 0; round < 2; round++) {
        const keys = Array.from({ length: 1_000 }, (_, at) => `key-${at}`);
        await bench.publish(...keys.map((key) => bench.message({ key })));
        await bench.time.until(() => count === 1_000 * (round + 1), 30_000);
      }
      const isEmpty = async (): Promise<boolean> => {
        const { ready, held, inflight } = await bench.depth();
        return ready + held + inflight === 0;
      };
      while (!(await isEmpty())) await bench.time.pass(5);
    },
  },
];

function consumeOrdered(bench: LawBench, { handle }: Diary): Promise<LawConsumer> {
  const policies = { order: STRICT_ORDER, concurrency: 6 };
  return consume(bench, { handle, policies, retry: { backoff: fixed(20) } });
}

/** A message per key and round, its number as its body. */
async function publishRounds(bench: LawBench, rounds: number): Promise<void> {
  for (let round = 0; round < rounds; round++) {
    const messages = Array.from({ length: KEYS }, (_, key) =>
      bench.message({ key: `key-${key}`, body: String(round) }),
    );
    await bench.publish(...messages);
  }
}
