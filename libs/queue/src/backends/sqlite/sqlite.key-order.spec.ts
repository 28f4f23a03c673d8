import { DatabaseSync } from 'node:sqlite';
import type { Backend, Receiver } from '../../backend/backend.js';
import { STRICT_ORDER } from '../../backend/key-order.js';
import type { Delivery } from '../../message/delivery.js';
import {
  failure,
  inspect,
  message,
  settle,
  SqliteFixture,
  take,
  takeNow,
  takeOne,
} from './sqlite.fixture.js';

const ORDERED = { name: 'work', topics: ['orders'], order: STRICT_ORDER } as const;

let fixture: SqliteFixture;
beforeEach(() => void (fixture = new SqliteFixture()));
afterEach(() => fixture.close());

const ids = (deliveries: readonly Delivery[]): string[] => deliveries.map(({ id }) => id);
const open = (backend: Backend): Promise<Receiver> => backend.open({ ...ORDERED, leaseMs: 60_000 });
const publish = (backend: Backend, ...names: readonly string[]) =>
  backend.publish(names.map((name) => message(name, { key: name.slice(0, 1) })));
const depth = async (backend: Backend) =>
  (await inspect(backend, { kind: 'depth', subscription: 'work' }))[0];

async function openOrdered(): Promise<Backend> {
  const { backend } = await fixture.open();
  await backend.ensure({ subscriptions: [ORDERED] }, 'create');
  return backend;
}

it('takes no look at what is held: neither a claim nor an acknowledgement scans', async () => {
  const backend = await openOrdered();
  await publish(backend, 'a1', 'a2');
  await backend.close(new Date(0));
  const db = new DatabaseSync(fixture.file);
  const plan = (sql: string) =>
    db
      .prepare(`EXPLAIN QUERY PLAN ${sql}`)
      .all()
      .map(({ detail }) => detail);
  const next = `SELECT seq FROM messages WHERE subscription_id = 1 AND key = 'a' AND in_order IS NOT NULL ORDER BY seq LIMIT 1`;
  expect(plan(next)).toEqual(['SEARCH messages USING INDEX messages_key (subscription_id=? AND key=?)']);
  const ready = `SELECT seq FROM messages WHERE subscription_id = 1 AND available_at <= 5 ORDER BY available_at, seq LIMIT 9`;
  expect(plan(ready)).toEqual([
    'SEARCH messages USING COVERING INDEX messages_claim (subscription_id=? AND available_at<?)',
  ]);
  db.close();
});

it('leaves a subscription without an order as it was', async () => {
  const backend = await fixture.openReady();
  await publish(backend, 'a1', 'a2');
  const receiver = await backend.open({ name: 'work', topics: ['orders'], leaseMs: 1_000 });
  expect(ids(await take(receiver, 2))).toEqual(['a1', 'a2']);
  await backend.close(new Date(0));
  const db = new DatabaseSync(fixture.file);
  expect(db.prepare('SELECT count(*) AS n FROM messages WHERE in_order IS NOT NULL').get()).toEqual({ n: 0 });
  db.close();
});

it('holds a key that had a dead letter when the process ended', async () => {
  const first = await openOrdered();
  await publish(first, 'a1', 'a2');
  const before = await open(first);
  await settle(before, { kind: 'dead', delivery: await takeOne(before), failure: failure(1) });
  await first.close(new Date(0));
  const backend = await openOrdered();
  await publish(backend, 'a3', 'b1');
  const receiver = await open(backend);
  expect(ids(await takeNow(receiver))).toEqual(['b1']);
  expect(await depth(backend)).toMatchObject({ ready: 0, held: 2, inflight: 1, dead: 1 });
});

it('tells a waiting consumer of another connection that a turn is over', async () => {
  const [one, other] = [await openOrdered(), await openOrdered()];
  await publish(one, 'a1', 'a2');
  const [mine, theirs] = [await open(one), await open(other)];
  const a1 = await takeOne(mine);
  const waiting = takeOne(theirs);
  await settle(mine, { kind: 'ack', delivery: a1 });
  expect((await waiting).id).toBe('a2');
});

it('knows about the order when another process has started it', async () => {
  const plain = await fixture.openReady();
  const receiver = await plain.open({ name: 'work', topics: ['orders'], leaseMs: 60_000 });
  await publish(plain, 'a1', 'a2', 'a3');
  const [a1] = await take(receiver, 1);
  await openOrdered();
  await publish(plain, 'a4');
  // What was in flight when it started is not in the order; all that waited is.
  expect(ids(await takeNow(receiver))).toEqual(['a2']);
  expect(await depth(plain)).toMatchObject({ held: 2, inflight: 2 });
  await settle(receiver, { kind: 'ack', delivery: a1 as Delivery });
  expect(await takeNow(receiver)).toEqual([]);
});

describe('a purge', () => {
  it('of what is ready lets every key go on once', async () => {
    const backend = await openOrdered();
    await publish(backend, 'a1', 'a2', 'a3', 'b1', 'b2');
    const purge = { kind: 'purge', subscription: 'work', state: 'ready' } as const;
    expect(await inspect(backend, purge)).toEqual([{ kind: 'purged', count: 2 }]);
    expect(await depth(backend)).toMatchObject({ ready: 2, held: 1 });
    expect(ids(await takeNow(await open(backend)))).toEqual(['a2', 'b2']);
  });

  it('of what is held takes no turn from anybody', async () => {
    const backend = await openOrdered();
    await publish(backend, 'a1', 'a2', 'a3');
    const purge = { kind: 'purge', subscription: 'work', state: 'held' } as const;
    expect(await inspect(backend, purge)).toEqual([{ kind: 'purged', count: 2 }]);
    expect(ids(await takeNow(await open(backend)))).toEqual(['a1']);
  });
});
