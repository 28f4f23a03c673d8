import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { sqliteBackend } from '@pigeonpost/queue/sqlite';
import {
  type BackendFixture,
  type LawTransaction,
  testAmbient,
  virtualTime,
  type World,
} from '@pigeonpost/queue/testing';
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
  const file = join(folder, 'laws.db');
  return {
    time,
    ambient,
    connect: () => sqliteBackend.open('sqlite', { ...options, file }, ambient),
    begin: async () => begin(file),
    dispose: () => rm(folder, { recursive: true }),
  };
}

function begin(file: string): LawTransaction {
  const tx = new DatabaseSync(file);
  tx.exec('BEGIN IMMEDIATE');
  const end = async (how: 'COMMIT' | 'ROLLBACK'): Promise<void> => {
    tx.exec(how);
    tx.close();
  };
  return { tx, commit: () => end('COMMIT'), rollback: () => end('ROLLBACK') };
}
