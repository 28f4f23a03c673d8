import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { sqliteBackend } from '@pigeonpost/queue/sqlite';
import { type BackendFixture, testAmbient, virtualTime, type World } from '@pigeonpost/queue/testing';
import type { BackendUnderLaws } from './backends.js';

/** The largest body of the laws: they send one as large as allowed. */
const MAX_BYTES = 4 * 1024 * 1024;

export const sqlite: BackendUnderLaws = {
  fixture: sqliteFixture({ maxBytes: MAX_BYTES }),
  // Each has a file of its own, and none waits for the others.
  atOnce: 16,
  unconfigured: sqliteFixture({}),
};

function sqliteFixture(options: Readonly<Record<string, unknown>>): BackendFixture {
  return { name: 'sqlite', create: () => createWorld(options) };
}

async function createWorld(options: Readonly<Record<string, unknown>>): Promise<World> {
  const folder = await mkdtemp(join(tmpdir(), 'pigeonpost-laws-'));
  const time = virtualTime();
  const ambient = testAmbient(time.clock);
  return {
    time,
    ambient,
    connect: () => sqliteBackend.open('sqlite', { ...options, file: join(folder, 'laws.db') }, ambient),
    dispose: () => rm(folder, { recursive: true }),
  };
}
