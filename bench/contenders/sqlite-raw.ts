import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Contender, Workload } from '../contender.ts';
import { type Ends, latencyOf } from '../latency.ts';
import type { Meter } from '../meter.ts';
import { payload } from '../traffic.ts';

const BATCH = 100;
const LEASE_MS = 30_000;
const POLL_MS = 1;

/** The least that a queue with leases can be on node:sqlite, with the pragmas of our backend. */
class RawQueue {
  readonly #db: DatabaseSync;
  readonly #insert;
  readonly #ready;
  readonly #lease;
  readonly #remove;

  constructor(file: string) {
    this.#db = new DatabaseSync(file);
    this.#db.exec(`
      PRAGMA busy_timeout = 5000;
      PRAGMA auto_vacuum = INCREMENTAL;
      PRAGMA journal_mode = WAL;
      PRAGMA synchronous = FULL;
      PRAGMA cache_size = -16000;
      PRAGMA temp_store = MEMORY;
      CREATE TABLE IF NOT EXISTS messages (
        seq INTEGER PRIMARY KEY, available_at INTEGER NOT NULL, token INTEGER NOT NULL, body TEXT NOT NULL) STRICT;
      CREATE INDEX IF NOT EXISTS messages_claim ON messages (available_at);`);
    this.#insert = this.#db.prepare('INSERT INTO messages (available_at, token, body) VALUES (?, 0, ?)');
    this.#ready = this.#db.prepare(
      'SELECT seq, body FROM messages WHERE available_at <= ? ORDER BY available_at LIMIT ?',
      { returnArrays: true },
    );
    this.#lease = this.#db.prepare('UPDATE messages SET available_at = ?, token = ? WHERE seq = ?');
    this.#remove = this.#db.prepare('DELETE FROM messages WHERE seq = ? AND token = ?');
  }

  add(bodies: readonly string[]): void {
    const now = Date.now();
    this.#transaction(() => {
      for (const body of bodies) this.#insert.run(now, body);
    });
  }

  /** Removes what is finished and leases the next batch, in one transaction. */
  next(finished: readonly Row[], token: number): readonly Row[] {
    const now = Date.now();
    return this.#transaction(() => {
      for (const [seq] of finished) this.#remove.run(seq, token - 1);
      const rows = this.#ready.all(now, BATCH) as unknown as Row[];
      for (const [seq] of rows) this.#lease.run(now + LEASE_MS, token, seq);
      return rows;
    });
  }

  hasReady(): boolean {
    return this.#ready.all(Date.now(), 1).length > 0;
  }

  close(): void {
    this.#db.close();
  }

  #transaction<T>(work: () => T): T {
    this.#db.exec('BEGIN IMMEDIATE');
    const result = work();
    this.#db.exec('COMMIT');
    return result;
  }
}

type Row = readonly [seq: number, body: string];

function addAll(queue: RawQueue, load: Workload, count: number): void {
  const data = payload(load);
  for (let left = count; left > 0; left -= BATCH) {
    queue.add(Array.from({ length: Math.min(BATCH, left) }, () => JSON.stringify(data)));
  }
}

async function publish(load: Workload, meter: Meter): Promise<void> {
  const queue = new RawQueue(join(load.directory, 'raw.db'));
  addAll(queue, load, load.warmup);
  meter.start();
  addAll(queue, load, load.messages);
  meter.stop(load.messages);
  queue.close();
}

async function consume(load: Workload, meter: Meter): Promise<void> {
  const queue = new RawQueue(join(load.directory, 'raw.db'));
  addAll(queue, load, load.warmup + load.messages);
  let handled = 0;
  const handle = async (_data: unknown): Promise<void> => {
    if (++handled === load.warmup) meter.start();
  };
  let batch: readonly Row[] = [];
  let token = 1;
  do {
    batch = queue.next(batch, token++);
    for (const [, body] of batch) await handle(JSON.parse(body));
  } while (batch.length > 0);
  meter.stop(load.messages);
  queue.close();
  if (handled !== load.warmup + load.messages) throw new Error('a message was not handled');
}

/** Until the process ends. */
async function poll(queue: RawQueue, received: (data: string) => void): Promise<void> {
  let batch: readonly Row[] = [];
  for (let token = 1; ;) {
    if (batch.length > 0 || queue.hasReady()) batch = queue.next(batch, token++);
    else await sleep(POLL_MS);
    for (const [, body] of batch) received(JSON.parse(body) as string);
  }
}

export const ends: Ends = {
  async openPublisher({ directory }) {
    const queue = new RawQueue(join(directory, 'raw.db'));
    return { publish: (data) => queue.add([JSON.stringify(data)]), close: () => queue.close() };
  },
  async openSubscriber({ directory }, received) {
    void poll(new RawQueue(join(directory, 'raw.db')), received);
  },
};

/**
 * The limit on disk: batches of 100, the removal of one joined with the lease of the next. One batch at a time. Between
 * processes it has no bell and looks every millisecond.
 */
export const contender: Contender = { phases: { publish, consume, latency: latencyOf('sqlite-raw', ends) } };
