import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { sqliteBackend } from '@pigeonpost/queue/sqlite';
import { realTime, testAmbient, type World } from '@pigeonpost/queue/testing';
import { bindLaws } from './bind-laws.js';

/** They mostly wait: for leases to end, and for messages that must not come. */
const LAWS_AT_ONCE = 16;
const MAX_BYTES = 4 * 1024 * 1024;

async function create(): Promise<World> {
  const folder = await mkdtemp(join(tmpdir(), 'pigeonpost-laws-'));
  const time = realTime();
  const ambient = testAmbient(time.clock);
  const options = { file: join(folder, 'laws.db'), maxBytes: MAX_BYTES };
  return {
    time,
    ambient,
    connect: () => sqliteBackend.open('sqlite', options, ambient),
    dispose: () => rm(folder, { recursive: true }),
  };
}

bindLaws({ name: 'sqlite', create }, LAWS_AT_ONCE);
