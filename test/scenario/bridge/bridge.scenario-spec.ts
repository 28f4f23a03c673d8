import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Backend, Bus, systemAmbient } from '@pigeonpost/queue';
import { sqliteBackend } from '@pigeonpost/queue/sqlite';
import { realTime } from '@pigeonpost/queue/testing';
import { type ScenarioProcess, ScenarioProcesses } from '../child-process.js';

const CHILD = join(import.meta.dirname, 'bridge.child.ts');
const PATIENCE_MS = 20_000;
const MESSAGES = 300;
const RATE = 400;
/** What a bridge of this rate has under way at most. */
const BATCH = RATE / 10;

const time = realTime();
const folder = mkdtempSync(join(tmpdir(), 'pigeonpost-bridge-'));
const processes = new ScenarioProcesses();
const backends: Backend[] = [];

afterAll(async () => {
  await processes.close();
  for (const backend of backends) await backend.close(new Date(Date.now() + 1_000));
  rmSync(folder, { recursive: true });
});

async function open(name: string, subscription: string): Promise<Backend> {
  const { backend } = await sqliteBackend.open(name, { file: join(folder, `${name}.db`) }, systemAmbient);
  backends.push(backend);
  await backend.ensure({ subscriptions: [{ name: subscription, topics: ['orders'] }] }, 'create');
  return backend;
}

function bridge(aheadMs: number): ScenarioProcess {
  return processes.start(CHILD, { folder, rate: RATE, aheadMs });
}

/** All that lies there; what a process stored whose clock is ahead is still to come for this one. */
async function idsIn(backend: Backend, subscription: string): Promise<readonly string[]> {
  const ids: string[] = [];
  for (const state of ['ready', 'delayed'] as const) {
    const query = { kind: 'browse', subscription, state, limit: 10_000 } as const;
    for await (const found of backend.inspect(query)) if (found.kind === 'message') ids.push(found.id);
  }
  return ids;
}

async function untilMoved(there: Backend, count: number): Promise<readonly string[]> {
  for (const endsAt = time.clock.mono() + PATIENCE_MS; ; await time.pass(5)) {
    const ids = await idsIn(there, 'in');
    if (new Set(ids).size >= count) return ids;
    if (time.clock.mono() > endsAt) throw new Error(`${ids.length} of ${count} messages were moved`);
  }
}

async function untilEmpty(here: Backend): Promise<void> {
  for (const endsAt = time.clock.mono() + PATIENCE_MS; ; await time.pass(5)) {
    for await (const depth of here.inspect({ kind: 'depth', subscription: 'bridge.orders' })) {
      if (depth.kind !== 'depth') continue;
      expect(depth.dead).toBe(0);
      if (depth.ready + depth.delayed + depth.inflight === 0) return;
    }
    if (time.clock.mono() > endsAt) throw new Error('the bridge left something behind');
  }
}

it('a bridge that is killed with SIGKILL loses nothing, and repeats no more than one batch', async () => {
  const here = await open('here', 'bridge.orders');
  const there = await open('there', 'in');
  const bus = new Bus({ backend: here, source: 'urn:scenario', ambient: systemAmbient });
  const ids = Array.from({ length: MESSAGES }, (_, at) => `m${at}`);
  await Promise.all(ids.map((id) => bus.publish('orders', { id }, { id })));
  await bus.close();

  const first = bridge(0);
  await untilMoved(there, BATCH + 1);
  await first.end('SIGKILL');
  const early = (await idsIn(there, 'in')).length;
  expect(early).toBeLessThan(MESSAGES);

  const second = bridge(60_000);
  const moved = await untilMoved(there, MESSAGES);
  await untilEmpty(here);
  expect(new Set(moved)).toEqual(new Set(ids));
  expect(await second.end('SIGTERM')).toEqual({ code: 0, signal: null });
  const all = await idsIn(there, 'in');
  expect(all.length).toBeLessThanOrEqual(MESSAGES + BATCH);
}, 60_000);
