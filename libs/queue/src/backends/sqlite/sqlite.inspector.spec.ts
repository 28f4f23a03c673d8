import type { Backend } from '../../backend/backend.js';
import type { MessageState, Peeked } from '../../backend/inspect.js';
import { failure, inspect, message, settle, SqliteFixture, take, takeOne, work } from './sqlite.fixture.js';

let fixture: SqliteFixture;
let backend: Backend;
beforeEach(async () => {
  fixture = new SqliteFixture();
  backend = await fixture.openReady();
});
afterEach(() => fixture.close());

async function browse(
  state: MessageState,
  query: { limit?: number; after?: string; id?: string } = {},
): Promise<Peeked[]> {
  const found = await inspect(backend, { kind: 'browse', subscription: 'work', state, limit: 100, ...query });
  return found as Peeked[];
}
const idsIn = async (state: MessageState): Promise<string[]> => (await browse(state)).map(({ id }) => id);

/** One message in every state. */
async function fillAll(): Promise<void> {
  await backend.publish([message('dead'), message('held')]);
  const receiver = await work(backend);
  const [dead] = await take(receiver, 2);
  if (dead) await settle(receiver, { kind: 'dead', delivery: dead, failure: failure(1) });
  await backend.publish([
    message('delayed', { delayMs: 60_000 }),
    message('ready'),
    message('expired', { ttlMs: 0 }),
  ]);
}

it('tells where every message is', async () => {
  await fillAll();
  fixture.clock.aheadMs = 30_000;
  const [depth] = await inspect(backend, { kind: 'depth' });
  expect(depth).toMatchObject({ subscription: 'work', ready: 1, delayed: 1, inflight: 1, dead: 1 });
  expect((depth as { oldestReadyMs: number }).oldestReadyMs).toBeGreaterThanOrEqual(30_000);
  for (const state of ['ready', 'delayed', 'dead'] as const) expect(await idsIn(state)).toEqual([state]);
  expect(await idsIn('inflight')).toEqual(['held']);
});

it('counts attempts of what lies there', async () => {
  await fillAll();
  expect(await browse('ready')).toMatchObject([{ attempts: 0, crashes: 0, deadAt: undefined }]);
  expect(await browse('inflight')).toMatchObject([{ attempts: 1, crashes: 0 }]);
  expect(await browse('dead')).toMatchObject([{ attempts: 1, crashes: 0, deadAt: expect.any(Number) }]);
  fixture.clock.aheadMs = 60_001;
  expect((await browse('ready')).find(({ id }) => id === 'held')).toMatchObject({ attempts: 1, crashes: 1 });
});

it('browses page by page, oldest first, and changes nothing', async () => {
  await backend.publish(Array.from({ length: 90 }, (_, at) => message(`m${at}`)));
  const first = await browse('ready', { limit: 40 });
  expect(first.map(({ id }) => id)).toEqual(Array.from({ length: 40 }, (_, at) => `m${at}`));
  const rest = await browse('ready', { after: (first[39] as Peeked).ref });
  expect(rest.map(({ id }) => id)).toEqual(Array.from({ length: 50 }, (_, at) => `m${at + 40}`));
  expect(await browse('ready', { id: 'm7' })).toMatchObject([{ id: 'm7', body: '{"order":"m7"}' }]);
  expect(await takeOne(await work(backend))).toMatchObject({ id: 'm0', attempt: 1 });
});

it('purges one message, or all of one state, and only those', async () => {
  await fillAll();
  await backend.publish(Array.from({ length: 1_000 }, (_, at) => message(`m${at}`)));
  const [first, second] = await browse('ready', { limit: 2 });
  const purge = (state: 'ready' | 'delayed' | 'dead', ref?: string): Promise<unknown> =>
    inspect(backend, { kind: 'purge', subscription: 'work', state, ...(ref !== undefined && { ref }) });
  expect(await purge('dead', first?.ref)).toEqual([{ kind: 'purged', count: 0 }]);
  expect(await purge('ready', 'nonsense')).toEqual([{ kind: 'purged', count: 0 }]);
  expect(await purge('ready', first?.ref)).toEqual([{ kind: 'purged', count: 1 }]);
  expect((await browse('ready', { limit: 1 }))[0]?.ref).toBe(second?.ref);
  expect(await purge('ready')).toEqual([{ kind: 'purged', count: 1_000 }]);
  expect(await purge('dead')).toEqual([{ kind: 'purged', count: 1 }]);
  expect(await inspect(backend, { kind: 'depth' })).toMatchObject([
    { ready: 0, delayed: 1, inflight: 1, dead: 0 },
  ]);
});

it('never gives the reference of a message to another one', async () => {
  await backend.publish([message('a')]);
  const [before] = await browse('ready');
  await inspect(backend, { kind: 'purge', subscription: 'work', state: 'ready' });
  await backend.publish([message('a')]);
  expect((await browse('ready'))[0]?.ref).not.toBe(before?.ref);
});

it('knows no subscription that was never ensured', async () => {
  await expect(inspect(backend, { kind: 'depth', subscription: 'audit' })).rejects.toMatchObject({
    code: 'unknown_subscription',
  });
});
