import type { InspectQuery, Inspected } from '../../backend/inspect.js';
import type { Delivery } from '../../message/delivery.js';
import {
  Office,
  type OfficeProcess,
  SPEC_LEASE_MS,
  SUBSCRIPTION,
  TAKE_OVER_MS,
} from './key-order.fixture.js';

const namesOf = (deliveries: readonly Delivery[]): readonly string[] =>
  deliveries.map(({ body }) => String(body));

async function first(process: OfficeProcess, ms?: number): Promise<Delivery> {
  const [delivery] = await process.take(1, ms);
  expect(delivery).toBeDefined();
  return delivery as Delivery;
}

async function inspect(process: OfficeProcess, query: InspectQuery): Promise<readonly Inspected[]> {
  const found: Inspected[] = [];
  for await (const item of process.backend.inspect(query)) found.push(item);
  return found;
}

describe('a key gate', () => {
  it('writes nothing for messages that succeed', async () => {
    const office = await Office.open();
    const one = office.process();
    await office.publish('a1', 'a2', 'b1', '-', 'a3');
    await one.take(1);
    const before = await office.store.read([`park/${SUBSCRIPTION}/fence`]);
    await office.clock.advance(SPEC_LEASE_MS);
    expect(await one.drain()).toEqual(['a1', 'a2', 'b1', '-', 'a3']);
    expect(await office.store.read([`park/${SUBSCRIPTION}/fence`])).toEqual(before);
    await one.stop();
    expect(office.clock.pending).toBe(0);
  });

  it('lets one process at a time hand out, and its successor go on when it stops', async () => {
    const office = await Office.open();
    const [one, other] = [office.process(), office.process()];
    await office.publish('a1', 'b1', 'a2');
    const a1 = await first(one);
    expect(await other.take(2, 1_000)).toEqual([]);
    const receivers = [await one.receiver(), await other.receiver()];
    expect(receivers.map(({ isStandingBy }) => isStandingBy)).toEqual([false, true]);
    expect(await one.settle('ack', a1)).toBe('ok');
    await one.stop();
    expect(await other.drain(6_000)).toEqual(['b1', 'a2']);
    await other.stop();
  });

  it('has its successor wait for what it stopped with and could not give back', async () => {
    const office = await Office.open();
    const [one, other] = [office.process(), office.process()];
    await office.publish('a1', 'a2');
    const [a1] = await one.take(2);
    one.view.settleFailure = one.view.gone('settle');
    expect(await one.settle('retry', a1 as Delivery)).toBe('ok');
    await one.stop();
    await office.publish('a3');
    expect(await other.drain(TAKE_OVER_MS)).toEqual(['a1', 'a2', 'a3']);
    await other.stop();
  });

  it('has its successor wait until what it had taken is back, and come first', async () => {
    const office = await Office.open();
    const [one, other] = [office.process(), office.process()];
    await office.publish('a1', 'a2', 'b1', 'a3');
    expect(namesOf(await one.take(4))).toEqual(['a1', 'b1']);
    one.view.kill();
    const startedAt = office.clock.mono();
    const again = await first(other, TAKE_OVER_MS);
    expect(office.clock.mono() - startedAt).toBeGreaterThan(SPEC_LEASE_MS);
    expect([String(again.body), again.crashes, again.attempt]).toEqual(['a1', 1, 2]);
    await other.settle('ack', again);
    expect(await other.drain()).toEqual(['a2', 'b1', 'a3']);
    await other.stop();
  });

  it('keeps a failed message in the store until its time, with its key behind it, over a crash', async () => {
    const office = await Office.open();
    const [one, other] = [office.process(), office.process()];
    await office.publish('a1', 'a2');
    expect(await one.settle('retry', await first(one), 60_000)).toBe('ok');
    await office.publish('a3', 'b1');
    expect(await one.drain()).toEqual(['b1']);
    one.view.kill();
    expect(await other.take(1, 30_000)).toEqual([]);
    const a1 = await first(other, 60_000);
    expect([String(a1.body), a1.attempt, a1.crashes, a1.failures.length]).toEqual(['a1', 2, 0, 1]);
    await other.settle('ack', a1);
    expect(await other.drain()).toEqual(['a2', 'a3']);
    expect(await office.parked()).toEqual([]);
    await other.stop();
  });

  it('hands nothing out twice that it had parked and could not tell the broker of', async () => {
    const office = await Office.open();
    const [one, other] = [office.process(), office.process()];
    await office.publish('a1', 'a2');
    const a1 = await first(one);
    one.view.settleFailure = one.view.gone('settle');
    expect(await one.settle('retry', a1)).toBe('ok');
    one.view.kill();
    expect(await other.drain(TAKE_OVER_MS)).toEqual(['a1', 'a2']);
    expect(await other.take(1, 2 * SPEC_LEASE_MS)).toEqual([]);
    await other.stop();
  });

  it('counts a crash of what was handed out of the store', async () => {
    const office = await Office.open();
    const [one, other] = [office.process(), office.process()];
    await office.publish('a1', 'a2');
    await one.settle('retry', await first(one));
    expect((await first(one)).attempt).toBe(2);
    one.view.kill();
    const a1 = await first(other, TAKE_OVER_MS);
    expect([a1.attempt, a1.crashes, a1.failures.length]).toEqual([3, 1, 1]);
    await other.settle('ack', a1);
    expect(await other.drain()).toEqual(['a2']);
    await other.stop();
  });

  it.each(['before', 'after'] as const)(
    'loses nothing and no order when the store fails, %s it has written',
    async (cut) => {
      const office = await Office.open();
      const one = office.process();
      await office.publish('a1', 'a2', 'b1');
      const a1 = await first(one);
      one.cut = cut;
      expect(await one.settle('retry', a1)).toMatchObject({ code: 'park_unavailable' });
      one.cut = 'none';
      expect(await one.settle('ack', a1)).not.toBe('ok');
      const drained = await one.drain(TAKE_OVER_MS);
      expect(drained.filter((name) => name.startsWith('a'))).toEqual(['a1', 'a2']);
      expect(drained).toHaveLength(3);
      await one.stop();
    },
  );

  it('stops in time when it cannot renew its right, and settles nothing after that', async () => {
    const office = await Office.open();
    const [one, other] = [office.process(), office.process()];
    await office.publish('a1', 'a2');
    let held = await first(one);
    expect(await other.take(1)).toEqual([]);
    one.cut = 'before';
    for (let passed = 0; passed < 15_000 && (await one.settle('extend', held)) === 'ok'; passed += 1_000)
      await office.clock.advance(1_000);
    expect(await one.settle('ack', held)).toBe('lost');
    await office.publish('b1');
    expect(await one.take(1, 100)).toEqual([]);
    held = await first(other, TAKE_OVER_MS);
    expect([String(held.body), held.crashes]).toEqual(['a1', 1]);
    await other.settle('ack', held);
    expect(await other.drain()).toEqual(['a2', 'b1']);
    await one.stop();
    await other.stop();
  });

  it('lets others revive and purge what holds a key, and hears of it', async () => {
    const office = await Office.open();
    const [one, other] = [office.process(), office.process()];
    await office.publish('a1', 'a2', 'b1');
    await one.settle('dead', await first(one));
    await one.settle('ack', await first(one)); // b1: a2 is behind a1
    expect(await one.take(1)).toEqual([]);
    const browse = { kind: 'browse', subscription: SUBSCRIPTION, state: 'dead', limit: 10 } as const;
    const [letter] = await inspect(other, browse);
    expect(letter).toMatchObject({
      id: 'm1',
      body: 'a1',
      holdsKey: true,
      attempts: 1,
      deadAt: expect.any(Number),
    });
    const ref = letter?.kind === 'message' ? letter.ref : '';
    const revive = { kind: 'revive', subscription: SUBSCRIPTION, ref, headers: { 'pp-again': '1' } } as const;
    expect(await inspect(other, revive)).toEqual([{ kind: 'revived', count: 1 }]);
    const again = await first(one, 2_000);
    expect([String(again.body), again.attempt, again.headers]).toEqual(['a1', 1, { 'pp-again': '1' }]);
    await one.settle('dead', again);
    await inspect(other, { kind: 'purge', subscription: SUBSCRIPTION, state: 'dead' });
    expect(await one.drain(2_000)).toEqual(['a2']);
    expect(await office.parked()).toEqual([]);
    await one.stop();
  });

  it('parks what waits for half a lease, the message in hand included, and goes on from there', async () => {
    const office = await Office.open();
    const [one, other] = [office.process(), office.process()];
    await office.publish('a1', 'a2', 'a3');
    const [a1] = (await one.take(3)) as readonly [Delivery];
    for (let passed = 0; passed < 3; passed++) {
      await office.clock.advance(SPEC_LEASE_MS / 2);
      expect(await one.settle('extend', a1)).toBe('ok');
    }
    expect((await office.parked()).length).toBe(6);
    one.view.kill();
    const again = await first(other, TAKE_OVER_MS);
    expect([String(again.body), again.attempt, again.crashes]).toEqual(['a1', 2, 1]);
    await other.settle('ack', again);
    expect(await other.drain()).toEqual(['a2', 'a3']);
    expect(await office.parked()).toEqual([]);
    await other.stop();
  });

  it('lets other keys pass however many wait for one, and hands those out in their order', async () => {
    const office = await Office.open();
    const one = office.process();
    const many = Array.from({ length: 2_500 }, (_, at) => `a${at}`);
    await office.publish(...many, 'b1', 'c1');
    const taken = await one.take(3);
    const more = [...taken, ...(await one.take(3, 50))];
    expect(namesOf(more)).toEqual(['a0', 'b1', 'c1']);
    for (const delivery of more) await one.settle('ack', delivery);
    expect(await one.drain()).toEqual(many.slice(1));
    expect(await office.parked()).toEqual([]);
    await one.stop();
    expect(office.clock.pending).toBe(0);
  });

  it('keeps the turn of a message whose lease was lost until it has come again', async () => {
    const office = await Office.open();
    const one = office.process();
    await office.publish('a1');
    const a1 = await first(one);
    await office.clock.advance(SPEC_LEASE_MS - 100);
    await office.publish('a2');
    expect(await one.take(1)).toEqual([]);
    await office.clock.advance(100);
    expect(await one.settle('ack', a1)).toBe('lost');
    expect(await one.drain()).toEqual(['a1', 'a2']);
    await one.stop();
  });

  it('forgets a parked message whose time to live is over', async () => {
    const office = await Office.open();
    const one = office.process();
    const plain = { topic: 't', to: undefined, delayMs: undefined, event: undefined, headers: {} };
    await office.broker.publish([{ ...plain, id: 'x', key: 'a', body: 'a1', ttlMs: 5_000 }]);
    await office.publish('a2');
    await one.settle('retry', await first(one), 6_000);
    expect(await one.drain(7_000)).toEqual(['a2']);
    expect(await office.parked()).toEqual([]);
    await one.stop();
  });
});
