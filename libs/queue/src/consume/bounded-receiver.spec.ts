import { systemAmbient } from '../ambient/ambient.js';
import type { Settlement } from '../backend/backend.js';
import { BackendClosedError } from '../backend/backend.errors.js';
import { memoryBackend } from '../backends/memory/index.js';
import { AlteredBackend, type Alterations } from '../testing/altered-backend.js';
import { BoundedReceiver } from './bounded-receiver.js';

const LIMITS = { publish: 100, receive: 4, settle: 3 };
const signal = new AbortController().signal;

/** Ten messages behind a receiver with these limits, on a backend that may misbehave. */
async function receiverOfTen(alterations: Alterations = {}): Promise<BoundedReceiver> {
  const { backend } = await memoryBackend.open('memory', {}, systemAmbient);
  const subscription = { name: 's', topics: ['t'] };
  await backend.ensure({ subscriptions: [subscription] }, 'create');
  const ids = Array.from({ length: 10 }, (_, at) => `m${at}`);
  const rest = { to: undefined, key: undefined, delayMs: undefined, ttlMs: undefined, event: undefined };
  await backend.publish(ids.map((id) => ({ ...rest, id, topic: 't', body: id, headers: {} })));
  const altered = new AlteredBackend(backend, alterations);
  return new BoundedReceiver(await altered.open({ ...subscription, leaseMs: 1_000 }), LIMITS);
}

async function acksOfTen(receiver: BoundedReceiver): Promise<readonly Settlement[]> {
  const acts: Settlement[] = [];
  while (acts.length < 10) {
    const batch = await receiver.receive(99, signal);
    acts.push(...batch.map((delivery) => ({ kind: 'ack', delivery }) as const));
  }
  return acts;
}

describe('a bounded receiver', () => {
  it('takes no more at once than the backend hands out', async () => {
    const receiver = await receiverOfTen();
    expect(await receiver.receive(99, signal)).toHaveLength(4);
    expect(await receiver.receive(2, signal)).toHaveLength(2);
    await receiver.close();
  });

  it('settles in parts, one answer per act in their order', async () => {
    const sizes: number[] = [];
    const receiver = await receiverOfTen({
      settle: (acts, rightly) => {
        sizes.push(acts.length);
        return rightly(acts);
      },
    });
    const acts = await acksOfTen(receiver);
    expect(await receiver.settle(acts.slice(0, 7))).toEqual(Array.from({ length: 7 }, () => 'ok'));
    expect(sizes).toEqual([3, 3, 1]);
    const again = await receiver.settle([...acts.slice(7), ...acts.slice(0, 1)]);
    expect(again).toEqual(['ok', 'ok', 'ok', 'noop']);
    await receiver.close();
  });

  it('keeps the failure of one part from the others', async () => {
    let calls = 0;
    const receiver = await receiverOfTen({
      settle: (acts, rightly) =>
        ++calls === 2 ? Promise.reject(new BackendClosedError('memory', 'settle')) : rightly(acts),
    });
    const results = await receiver.settle((await acksOfTen(receiver)).slice(0, 7));
    expect(results.map((result) => (typeof result === 'string' ? result : result.code))).toEqual(
      'ok ok ok closed closed closed ok'.split(' '),
    );
    await receiver.close();
  });
});
