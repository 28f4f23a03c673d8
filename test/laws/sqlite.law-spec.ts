import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { sqliteBackend } from '@pigeonpost/queue/sqlite';
import { testAmbient, virtualTime, type World } from '@pigeonpost/queue/testing';
import { bindLaws } from './bind-laws.js';

/** Each has a file of its own, and none waits for the others. */
const LAWS_AT_ONCE = 16;
const MAX_BYTES = 4 * 1024 * 1024;

async function create(): Promise<World> {
  const folder = await mkdtemp(join(tmpdir(), 'pigeonpost-laws-'));
  const time = virtualTime();
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
