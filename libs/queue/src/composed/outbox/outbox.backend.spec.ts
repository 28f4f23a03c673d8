import { BackendUnavailableError } from '../../backend/backend.errors.js';
import type { PublishResult } from '../../backend/backend.js';
import type { Outgoing } from '../../message/outgoing.js';
import { fromPg } from './executors.js';
import { message, Shop } from './outbox.fixture.js';

describe('an outbox', () => {
  let shop: Shop;

  beforeEach(async () => {
    shop = await Shop.open();
  });

  afterEach(() => shop.close());

  it('publishes what was committed, in order, and deletes it', async () => {
    const outbox = await shop.process();
    expect(await shop.commit(outbox, 'a:1', 'b:1', 'a:2')).toEqual([STORED, STORED, STORED]);
    await shop.clock.advance(50);
    expect([await shop.arrived(), shop.rows()]).toEqual([['a:1', 'b:1', 'a:2'], 0]);
  });

  it('publishes nothing of what was rolled back', async () => {
    const outbox = await shop.process();
    shop.db.exec('BEGIN');
    await outbox.publish([message('a')], { tx: shop.tx });
    shop.db.exec('ROLLBACK');
    await shop.clock.advance(1_000);
    expect(await shop.arrived()).toEqual([]);
  });

  it('publishes at once what is not to be in a transaction', async () => {
    const outbox = await shop.process();
    expect(await outbox.publish([message('a')])).toEqual([{ status: 'stored', copies: 1 }]);
    expect(shop.rows()).toBe(0);
  });

  it('neither sees nor joins a transaction on a connection that it shares', async () => {
    const outbox = await shop.process({ executor: shop.tx });
    await shop.commit(outbox, 'a');
    await shop.clock.advance(50);
    shop.db.exec('BEGIN IMMEDIATE');
    await outbox.publish([message('b')], { tx: shop.tx });
    await shop.clock.advance(1_000);
    shop.db.exec('ROLLBACK');
    await shop.commit(outbox, 'c');
    await shop.clock.advance(1_000);
    expect([await shop.arrived(), shop.rows()]).toEqual([['a', 'c'], 0]);
  });

  it('finds what other processes commit with its next look', async () => {
    await shop.process({ pollMs: 300 });
    const elsewhere = await shop.process({ relay: false });
    await shop.clock.advance(1_000);
    await shop.commit(elsewhere, 'a');
    expect(await shop.arrived()).toEqual([]);
    await shop.clock.advance(300);
    expect(await shop.arrived()).toEqual(['a']);
  });

  it('carries everything that a message has', async () => {
    const outbox = await shop.process();
    const whole = {
      ...message('k:1'),
      body: new Uint8Array([0, 255, 7]),
      headers: { shop: 'Zürich' },
      priority: 7,
      delayMs: 60_000,
      ttlMs: 120_000,
    };
    const text = { ...message('zero'), body: 'a\0b' };
    shop.db.exec('BEGIN');
    await outbox.publish([whole, text], { tx: shop.tx });
    await shop.clock.advance(2_000);
    shop.db.exec('COMMIT');
    const sent: Outgoing[] = [];
    shop.publishing = async (batch, rightly) => {
      sent.push(...batch);
      return rightly(batch);
    };
    await shop.clock.advance(400);
    const { delayMs, ttlMs, ...rest } = whole;
    expect(sent).toMatchObject([rest, text]);
    // Counted from when it was written, some two seconds ago.
    expect([delayMs - Number(sent[0]?.delayMs), ttlMs - Number(sent[0]?.ttlMs)]).toEqual([
      expect.closeTo(2_200, -3),
      expect.closeTo(2_200, -3),
    ]);
  });

  it('does not skip who commits late with an early number', async () => {
    const outbox = await shop.process();
    await shop.commit(outbox, 'late', 'early');
    // As other databases show it: rows get their numbers before they can be seen.
    shop.db.exec("CREATE TABLE unseen AS SELECT * FROM outbox WHERE id = 'late'");
    shop.db.exec("DELETE FROM outbox WHERE id = 'late'");
    await shop.clock.advance(500);
    expect(await shop.arrived()).toEqual(['early']);
    shop.db.exec('INSERT INTO outbox SELECT * FROM unseen');
    await shop.clock.advance(500);
    expect(await shop.arrived()).toEqual(['early', 'late']);
  });

  it('deletes nothing before it is confirmed, and goes on when the broker is back', async () => {
    shop.publishing = async (batch) => batch.map(() => ({ status: 'refused', error: DOWN }));
    const outbox = await shop.process();
    await shop.commit(outbox, 'a:1', 'a:2', 'b:1');
    await shop.clock.advance(2_000);
    expect([await shop.arrived(), shop.rows()]).toEqual([[], 3]);
    shop.publishing = (batch, rightly) => rightly(batch);
    await shop.clock.advance(30_000);
    expect([await shop.arrived(), shop.rows()]).toEqual([['a:1', 'b:1', 'a:2'], 0]);
  });

  it('keeps what the broker will never take with the reason, and lets the others pass', async () => {
    const refused: string[] = [];
    const outbox = await shop.process({ onRefused: ({ id }, { code }) => refused.push(`${id} ${code}`) });
    shop.db.exec('BEGIN');
    await outbox.publish([{ ...message('bad'), topic: 'nobody' }, message('good')], { tx: shop.tx });
    shop.db.exec('COMMIT');
    await shop.clock.advance(100);
    expect(await shop.arrived()).toEqual(['good']);
    const [row] = shop.db.prepare('SELECT id, refused FROM outbox').all();
    expect(row).toMatchObject({ id: 'bad', refused: expect.stringMatching(/^unroutable: /) });
    expect(refused).toEqual(['bad unroutable']);
    await outbox.ensure({ subscriptions: [{ name: 'some', topics: ['nobody'] }] }, 'create');
    shop.db.exec('UPDATE outbox SET refused = NULL');
    await shop.clock.advance(500);
    expect(shop.rows()).toBe(0);
  });

  it('repeats with the same id what a crash left between the broker and the delete', async () => {
    const outbox = await shop.process();
    shop.db.exec(
      "CREATE TRIGGER crash BEFORE DELETE ON outbox BEGIN SELECT RAISE(ABORT, 'the connection is gone'); END",
    );
    await shop.commit(outbox, 'a');
    await shop.clock.advance(50);
    expect(outbox.status()).toMatchObject({ state: 'degraded' });
    const closing = outbox.close(new Date(shop.clock.now() + 1_000));
    await shop.clock.advance(1_000);
    await closing;
    shop.db.exec('DROP TRIGGER crash');
    await shop.process();
    await shop.clock.advance(20_000);
    expect([await shop.arrived(), shop.rows()]).toEqual([['a', 'a'], 0]);
  });

  it('repeats nothing while it lives, also when the database is away between the broker and the delete', async () => {
    const outbox = await shop.process();
    shop.db.exec(
      "CREATE TRIGGER away BEFORE DELETE ON outbox BEGIN SELECT RAISE(ABORT, 'the connection is gone'); END",
    );
    await shop.commit(outbox, 'a:1', 'a:2');
    await shop.clock.advance(5_000);
    shop.db.exec('DROP TRIGGER away');
    await shop.clock.advance(30_000);
    expect([await shop.arrived(), shop.rows()]).toEqual([['a:1', 'a:2'], 0]);
    expect(outbox.status().state).toBe('up');
  });

  it('relays nothing before the topology is there', async () => {
    const outbox = await shop.process({ relay: false });
    await shop.commit(outbox, 'a');
    await shop.clock.advance(1_000);
    expect(shop.rows()).toBe(1);
    await shop.process();
    await shop.clock.advance(1);
    expect(await shop.arrived()).toEqual(['a']);
  });

  it('refuses before the commit what could not be relayed after it', async () => {
    const outbox = await shop.process();
    const tooLarge = { ...message('a'), body: 'x'.repeat(20 * 1024 * 1024) };
    expect(codeOf((await outbox.publish([message('a')], { tx: shop.tx }))[0])).toBe('invalid_transaction');
    shop.db.exec('BEGIN');
    const [large] = await outbox.publish([tooLarge], { tx: shop.tx });
    expect(codeOf(large)).toBe('payload_too_large');
    const foreign = fromPg({ query: async () => ({ rows: [] }) });
    expect(codeOf((await outbox.publish([message('a')], { tx: foreign }))[0])).toBe('invalid_transaction');
    expect(codeOf((await outbox.publish([message('a')], { tx: {} }))[0])).toBe('unsupported');
    shop.db.exec('ROLLBACK');
    expect(shop.rows()).toBe(0);
  });

  it('says which statements make the tables when they are missing', async () => {
    const outbox = await shop.process({ table: 'letters' });
    shop.db.exec('BEGIN');
    const [result] = await outbox.publish([message('a')], { tx: shop.tx });
    expect(result).toMatchObject({ status: 'refused', error: { code: 'unavailable' } });
    expect(String((result as { error: Error }).error.message)).toContain('outboxSchema()');
    shop.db.exec('ROLLBACK');
  });

  it('takes no table that would be more than a name, nor a lease of nothing', async () => {
    await expect(shop.process({ table: 'a; DROP TABLE b' })).rejects.toThrow('letters, digits');
    await expect(shop.process({ leaseMs: 0 })).rejects.toThrow('leaseMs');
    await expect(shop.process({ executor: {} as never })).rejects.toThrow('executor');
  });
});

describe('two relays of one outbox', () => {
  let shop: Shop;

  beforeEach(async () => {
    shop = await Shop.open();
  });

  afterEach(() => shop.close());

  it('are at work one at a time, so that each row is published once and in order', async () => {
    const [one] = [await shop.process({ batch: 4 }), await shop.process({ batch: 4 })];
    const ids = Array.from({ length: 100 }, (_, n) => `k${n % 3}:${n}`);
    for (const id of ids) await shop.commit(one, id);
    await shop.clock.advance(60_000);
    const arrived = await shop.arrived();
    expect(arrived.toSorted()).toEqual(ids.toSorted());
    for (const key of ['k0', 'k1', 'k2']) {
      const ofKey = (list: readonly string[]) => list.filter((id) => id.startsWith(`${key}:`));
      expect(ofKey(arrived)).toEqual(ofKey(ids));
    }
  });

  it('change when the one at work is closed, at once', async () => {
    const one = await shop.process();
    await shop.clock.advance(1_000);
    const two = await shop.process({ relay: true });
    const closing = one.close(new Date(shop.clock.now() + 1_000));
    await shop.clock.advance(300);
    await closing;
    await shop.commit(two, 'a');
    await shop.clock.advance(300);
    expect(await shop.arrived()).toEqual(['a']);
  });

  it('change when the one at work shows no sign of life for a lease, and no earlier', async () => {
    shop.publishing = () => new Promise(() => undefined);
    const one = await shop.process({ leaseMs: 10_000 });
    await shop.clock.advance(300);
    await shop.commit(one, 'a');
    await shop.clock.advance(20);
    expect(shop.calls).toEqual([['a']]);
    // The process stands still, the database connection with it.
    shop.publishing = (batch, rightly) => rightly(batch);
    await shop.process({ leaseMs: 10_000 });
    await shop.clock.advance(4_900);
    expect(await shop.arrived()).toEqual([]);
    await shop.clock.advance(60_000);
    expect(new Set(await shop.arrived())).toEqual(new Set(['a']));
  });
});

const STORED = { status: 'stored', copies: 0 };
const DOWN = new BackendUnavailableError('broker', 'publish', 'it is down');

function codeOf(result: PublishResult | undefined): string | undefined {
  return result?.status === 'refused' ? result.error.code : result?.status;
}
