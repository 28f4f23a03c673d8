import pg from 'pg';
import { postgresBackend } from '@pigeonpost/queue/postgres';
import {
  type LawTransaction,
  realTime,
  skewedClock,
  testAmbient,
  type World,
} from '@pigeonpost/queue/testing';
import { brokerUrl } from '../brokers/broker-url.js';
import type { BackendUnderLaws } from './backends.js';
import { declaredBy } from './declared.js';

/** The largest body of the laws: they send one as large as allowed. */
const MAX_BYTES = 4 * 1024 * 1024;

export const postgres: BackendUnderLaws = {
  needs: 'postgres',
  declared: declaredBy(postgresBackend, {}),
  fixture: { name: 'postgres', create: createWorld },
  // Each has a schema of its own, and none waits for the others.
  atOnce: 16,
};

let worlds = 0;

async function createWorld(): Promise<World> {
  const url = brokerUrl('postgres');
  const schema = `laws_${process.pid}_${++worlds}`;
  const options = { url, schema, maxBytes: MAX_BYTES, poolSize: 2 };
  const time = realTime();
  const ambient = testAmbient(time.clock);
  return {
    time,
    ambient,
    connect: () => postgresBackend.open('postgres', options, ambient),
    connectSkewed: (offsetMs) =>
      postgresBackend.open('postgres', options, { ...ambient, clock: skewedClock(time.clock, offsetMs) }),
    begin: () => begin(url),
    dispose: () => drop(url, schema),
  };
}

async function begin(url: string): Promise<LawTransaction> {
  const tx = new pg.Client({ connectionString: url });
  await tx.connect();
  await tx.query('BEGIN');
  const end = async (how: 'COMMIT' | 'ROLLBACK'): Promise<void> => {
    await tx.query(how);
    await tx.end();
  };
  return { tx, commit: () => end('COMMIT'), rollback: () => end('ROLLBACK') };
}

async function drop(url: string, schema: string): Promise<void> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  await client.query(`SET client_min_messages = warning; DROP SCHEMA IF EXISTS ${schema} CASCADE`);
  await client.end();
}
