import { FanOutBackend } from '../../composed/fan-out/fan-out.backend.js';
import type { Receiver } from '../../backend/backend.js';
import type { Delivery } from '../../message/delivery.js';
import type { Store } from '../../store/store.js';
import { AlteredBackend } from '../altered-backend.js';
import { mustEqual } from '../expectations.js';
import type { Gate, Law } from '../law.js';
import { Lasting } from '../lasting.js';
import { type LawBench, LEASE_MS } from '../law-bench.js';
import { PlainQueues } from '../plain-queues.js';
import { ProcessView } from '../process-view.js';

const REMEMBERS: Gate = {
  needs: 'a store, acknowledgements and topics to copy to',
  met: ({ ack, confirm, fanout }, { remembers }) =>
    remembers && ack === 'message' && confirm !== 'none' && fanout === 'named',
};
const COPIED = 'laws.copied';
const BOTH = ['laws.x', 'laws.y'] as const;
/** That of what copies, and some more. */
const TAKEOVER_MS = 30_000;

/** F: named subscriptions for a broker whose topics have one queue each, which the one under the laws plays here. */
export const COPYING_LAWS: readonly Law[] = [
  {
    id: 'F1a',
    title: 'a process that dies between its copies and the note of them makes them again, and loses none',
    gate: REMEMBERS,
    does: async (bench) => {
      const queues = new Map<string, string>();
      const dying = await copying(bench, queues, 'dies');
      const message = bench.message({ topic: COPIED });
      await dying.backend.publish([message]);
      await bench.time.until(() => dying.process.isDead, 3_000);
      const { backend } = await copying(bench, queues);
      for (const name of BOTH) {
        const receiver = await backend.open({ name, topics: [COPIED], leaseMs: LEASE_MS });
        bench.onEnd(() => receiver.close());
        for (const time of ['first', 'second']) {
          const { id, topic, attempt, subscription, ...copy } = await takeAndAck(bench, receiver);
          const seen = { id, topic, attempt, subscription, body: String(copy.body) };
          const expected = {
            id: message.id,
            topic: COPIED,
            attempt: 1,
            subscription: name,
            body: message.body,
          };
          mustEqual(seen, expected, `what came to ${name} the ${time} time`);
        }
      }
    },
  },
];

async function takeAndAck(bench: LawBench, receiver: Receiver): Promise<Delivery> {
  const delivery = await bench.takeOne(receiver, TAKEOVER_MS);
  await bench.ack(receiver, delivery);
  return delivery;
}

/** One process with subscriptions that are made of copies. It dies when its first copies are stored. */
async function copying(bench: LawBench, queues: Map<string, string>, dies?: 'dies'): Promise<Copying> {
  const process = new ProcessView(bench.backend);
  const broker = new AlteredBackend(process, {
    publish: async (batch, rightly) => {
      const results = await rightly(batch);
      if (dies !== undefined && batch.every(({ topic }) => topic !== COPIED)) process.kill();
      return results;
    },
  });
  const { ambient } = bench;
  const store = bench.store as Store;
  const backend = new FanOutBackend(new Lasting(new PlainQueues(broker, queues)), {
    store,
    ambient,
    host: 'laws:1',
  });
  bench.onEnd(() => backend.close(new Date(ambient.clock.now() + 1_000)));
  await backend.ensure({ subscriptions: BOTH.map((name) => ({ name, topics: [COPIED] })) }, 'create');
  return { backend, process };
}

interface Copying {
  readonly backend: FanOutBackend;
  readonly process: ProcessView;
}
