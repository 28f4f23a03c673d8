import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { sqliteBackend } from '@pigeonpost/queue/sqlite';
import { type LawTransaction, testAmbient, virtualTime, type World } from '@pigeonpost/queue/testing';
import type { BackendUnderLaws } from './backends.js';
import { declaredBy } from './declared.js';

/** The largest body of the laws: they send one as large as allowed. */
const MAX_BYTES = 4 * 1024 * 1024;

export const sqlite: BackendUnderLaws = {
  fixture: { name: 'sqlite', create: createWorld },
  // Each has a file of its own, and none waits for the others.
  atOnce: 16,
  declared: declaredBy(sqliteBackend, { file: 'laws.db' }),
};

async function createWorld(): Promise<World> {
  const folder = await mkdtemp(join(tmpdir(), 'pigeonpost-laws-'));
  const time = virtualTime();
  const ambient = testAmbient(time.clock);
  const file = join(folder, 'laws.db');
  return {
    time,
    ambient,
    connect: () => sqliteBackend.open('sqlite', { maxBytes: MAX_BYTES, file }, ambient),
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
