import { LawBrokenError, must, mustEqual } from '../expectations.js';
import type { Gate, Law } from '../law.js';
import { type LawBench, LEASE_MS } from '../law-bench.js';
import { consume, Latch, type LawConsumer } from '../law-consumer.js';
import { pausableClock } from '../virtual-clock.js';

const LEASE: Gate = { needs: 'leases', met: ({ lease }) => lease !== false };
const MESSAGES = 600;
const CONSUMERS = 10;

/** G and I with a consumer on top: what happens to processes and to brokers. */
export const FAULT_LAWS: readonly Law[] = [
  {
    id: 'G2',
    title: 'what a process held that stands still goes to another one, and what it says afterwards is lost',
    proves: ['lease'],
    gate: LEASE,
    does: async (bench) => {
      const latch = new Latch();
      const { clock, pause, resume } = pausableClock(bench.ambient.clock);
      let signal: AbortSignal | undefined;
      const running = await consume(bench, {
        clock,
        handle: (context) => {
          signal ??= context.signal;
          return latch.pass();
        },
      });
      const [id] = await bench.publish(bench.message());
      await bench.time.until(() => running.starts.length === 1, 1_000);
      pause();
      const heir = await bench.receiver();
      const again = await bench.takeOne(heir, 3 * LEASE_MS);
      mustEqual([again.id, again.attempt, again.crashes], [id, 2, 1], 'what the other one got');
      resume();
      await bench.time.until(() => signal?.aborted === true, 1_000);
      latch.open();
      await bench.time.pass(10);
      must(!running.settled.includes('ack'), 'the first one must not have acknowledged it');
      await bench.ack(heir, again);
    },
  },
  {
    id: 'I1',
    title: 'ten consumers lose nothing when everything is restarted after a third and after a half',
    proves: ['durable', 'lease'],
    gate: { needs: 'durability beyond the process', met: ({ durable }) => durable !== 'process' },
    does: async (bench) => {
      const ids = await bench.publish(...bench.messages(MESSAGES));
      const handled = new Set<string>();
      for (const until of [MESSAGES / 3, MESSAGES / 2]) {
        await handleUntil(bench, handled, until);
        await bench.reconnect();
      }
      await handleUntil(bench, handled, MESSAGES);
      mustEqual([...handled].sort(), [...ids].sort(), 'what was handled');
    },
  },
];

async function handleUntil(bench: LawBench, handled: Set<string>, count: number): Promise<void> {
  const all: LawConsumer[] = [];
  const handle = ({ id }: { readonly id: string }): void => void handled.add(id);
  for (let n = 0; n < CONSUMERS; n++) {
    all.push(await consume(bench, { handle, policies: { concurrency: 2, prefetch: 2 } }));
  }
  try {
    await bench.time.until(() => handled.size >= count, 20 * LEASE_MS);
  } catch (cause) {
    throw new LawBrokenError(`${handled.size} of ${count} were handled`, { cause });
  }
  const faults = all.flatMap((one) => one.faults);
  mustEqual(faults, [], 'what consumers complained about');
}
