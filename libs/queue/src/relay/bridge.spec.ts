import { BackendUnavailableError, PayloadTooLargeError } from '../backend/backend.errors.js';
import { Bridge, type BridgeOptions } from './bridge.js';
import { VIA_HEADER } from './loop-guard.js';
import { Landing, message } from './relay.fixture.js';
import { withMessage } from './with-message.js';

async function bridged(given: Partial<BridgeOptions> = {}) {
  const landing = await Landing.open();
  const { here, there, ambient } = landing;
  await there.ensure({ subscriptions: [{ name: 'back', topics: ['t', 'u'] }] }, 'create');
  const ends = { from: here, subscription: 'out', topics: ['t'], to: there };
  const bridge = new Bridge({ name: 'b', ...ends, ambient, host: 'h:1', ...given });
  return { landing, bridge };
}

describe('a bridge', () => {
  it('moves what is published here to there, with the same id', async () => {
    const { landing, bridge } = await bridged();
    await landing.publish('a');
    expect(bridge.report).toBeUndefined();
    await bridge.start();
    await landing.clock.advance(10);
    await landing.publish('b');
    await landing.clock.advance(10);
    expect(await landing.idsIn(landing.there, 'in')).toEqual(['a', 'b']);
    expect(bridge.report).toMatchObject({ moved: 2, state: 'running' });
    await bridge.drain(1_000);
    expect(bridge.report).toMatchObject({ moved: 2, state: 'stopped' });
    expect(landing.clock.pending).toBe(0);
  });

  it('moves everything to one topic, and changes or drops it, when it is told to', async () => {
    const { landing, bridge } = await bridged({
      topic: 'u',
      change: (given) => (given.id === 'a' ? undefined : withMessage(given, { body: given.topic })),
    });
    await landing.publish('a', 'b');
    await bridge.start();
    await landing.clock.advance(10);
    expect(await landing.idsIn(landing.there, 'in')).toEqual([]);
    const receiver = await landing.there.open({ name: 'back', topics: ['u'], leaseMs: 1_000 });
    const deliveries = await receiver.receive(10, new AbortController().signal);
    expect(deliveries).toMatchObject([
      { id: 'b', topic: 'u', body: 'u', headers: { [VIA_HEADER]: 'here/t' } },
    ]);
    await bridge.drain(1_000);
  });

  it('carries priority and what is left of the time to live', async () => {
    const { landing, bridge } = await bridged();
    await landing.here.publish([{ ...message('a'), priority: 7, ttlMs: 10_000 }]);
    await landing.clock.advance(4_000);
    await bridge.start();
    await landing.clock.advance(10);
    const receiver = await landing.there.open({ name: 'in', topics: ['t'], leaseMs: 1_000 });
    const [delivery] = await receiver.receive(1, new AbortController().signal);
    const leftMs = (delivery?.expiresAt ?? 0) - landing.clock.now();
    expect({ priority: delivery?.priority, leftMs }).toEqual({ priority: 7, leftMs: 5_990 });
    await bridge.drain(1_000);
  });

  it('drops what expires before it can be moved', async () => {
    const { landing, bridge } = await bridged();
    const error = new BackendUnavailableError('there', 'publish', 'down');
    landing.publishing = async (batch) => batch.map(() => ({ status: 'refused', error }));
    await landing.here.publish([{ ...message('a'), ttlMs: 10_000 }]);
    await bridge.start();
    await landing.clock.advance(60_000);
    landing.publishing = (batch, rightly) => rightly(batch);
    await landing.clock.advance(60_000);
    expect(await landing.idsIn(landing.there, 'in')).toEqual([]);
    await bridge.drain(1_000);
  });

  it('and one that leads back do not send a message round', async () => {
    const { landing, bridge } = await bridged();
    const { here, there, ambient } = landing;
    const ends = { from: there, subscription: 'back', topics: ['t'], to: here };
    const back = new Bridge({ name: 'r', ...ends, ambient, host: 'h:1' });
    await Promise.all([bridge.start(), back.start()]);
    await landing.publish('from-here');
    await there.publish([message('from-there')]);
    await landing.clock.advance(60_000);
    expect([bridge.report, back.report]).toMatchObject([
      { moved: 1, dropped: 1 },
      { moved: 1, dropped: 1 },
    ]);
    expect((await landing.idsIn(there, 'in')).toSorted()).toEqual(['from-here', 'from-there']);
    await Promise.all([bridge.drain(1_000), back.drain(1_000)]);
  });

  it('keeps the order of a key beside another bridge of its name, over failures and a crash', async () => {
    const order = { by: 'key', onRetry: 'block-key', onDead: 'skip' } as const;
    const { landing, bridge } = await bridged({ order });
    const { here, there, ambient } = landing;
    await here.ensure({ subscriptions: [{ name: 'out', topics: ['t'], order }] }, 'create');
    const ends = { from: here, subscription: 'out', topics: ['t'], to: there, order };
    const second = new Bridge({ name: 'b', ...ends, ambient, host: 'h:2' });
    let calls = 0;
    landing.publishing = async (batch, rightly) => {
      if (++calls === 1) return new Promise(() => {}); // killed in the middle of its first batch
      if (calls % 3 !== 0) return rightly(batch);
      return batch.map(() => ({
        status: 'refused',
        error: new BackendUnavailableError('there', 'publish', 'down'),
      }));
    };
    const ids = Array.from({ length: 20 }, (_, at) => `k:${at}`);
    await landing.publish(...ids);
    await bridge.start();
    await landing.clock.advance(10);
    void bridge.drain(0);
    await second.start();
    await landing.clock.advance(120_000);
    expect(await landing.idsIn(there, 'in')).toEqual(ids);
    await second.drain(1_000);
  });

  it('lets a key go on whose message is refused for good, also where it keeps the order', async () => {
    const order = { by: 'key', onRetry: 'block-key', onDead: 'skip' } as const;
    const { landing, bridge } = await bridged({ order });
    await landing.here.ensure({ subscriptions: [{ name: 'out', topics: ['t'], order }] }, 'create');
    const error = new PayloadTooLargeError('there', 2, 1);
    landing.publishing = async (batch, rightly) =>
      batch[0]?.id === 'k:1' ? [{ status: 'refused', error }] : rightly(batch);
    await landing.publish('k:1', 'k:2');
    await bridge.start();
    await landing.clock.advance(1_000);
    expect(await landing.idsIn(landing.there, 'in')).toEqual(['k:2']);
    expect(await landing.idsIn(landing.here, 'out', 'dead')).toEqual(['k:1']);
    await bridge.drain(1_000);
  });

  it('keeps what nobody listens to over there as a dead letter with the reason', async () => {
    const { landing, bridge } = await bridged({ topic: 'nobody' });
    await landing.publish('a');
    await bridge.start();
    await landing.clock.advance(10);
    expect(await landing.idsIn(landing.here, 'out', 'dead')).toEqual(['a']);
    expect(bridge.report).toMatchObject({ refused: 1, lastError: { code: 'unroutable' } });
    await bridge.drain(1_000);
  });

  it('tells of the first failure of an outage, and goes on after it', async () => {
    const faults: unknown[] = [];
    const { landing, bridge } = await bridged({ fault: (error) => faults.push(error) });
    landing.publishing = (batch) =>
      Promise.resolve(
        batch.map(() => ({
          status: 'refused',
          error: new BackendUnavailableError('there', 'publish', 'down'),
        })),
      );
    await landing.publish('a');
    await bridge.start();
    await landing.clock.advance(120_000);
    expect(faults).toMatchObject([{ code: 'unavailable' }]);
    landing.publishing = (batch, rightly) => rightly(batch);
    await landing.clock.advance(30_000);
    expect(await landing.idsIn(landing.there, 'in')).toEqual(['a']);
    await bridge.drain(1_000);
  });

  it('waits for its batch when it is drained, and no longer than it is told to', async () => {
    const { landing, bridge } = await bridged();
    landing.publishing = () => new Promise(() => {});
    await landing.publish('a');
    await bridge.start();
    await landing.clock.advance(10);
    let isDrained = false;
    void bridge.drain(5_000).then(() => (isDrained = true));
    await landing.clock.advance(4_999);
    expect(isDrained).toBe(false);
    await landing.clock.advance(1);
    expect(isDrained).toBe(true);
    await landing.clock.advance(60_000); // its lease ends
    expect(await landing.idsIn(landing.here, 'out')).toEqual(['a']);
  });

  it('that is drained before it is open takes nothing', async () => {
    const { landing, bridge } = await bridged();
    await landing.publish('a');
    const starting = bridge.start();
    await bridge.drain(1_000);
    await starting;
    await landing.clock.advance(10);
    expect(await landing.idsIn(landing.here, 'out')).toEqual(['a']);
  });
});
