import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import type { Ambient } from '../../ambient/ambient.js';
import type { Backend, PublishResult } from '../../backend/backend.js';
import { memoryBackend } from '../../backends/memory/index.js';
import { NO_HEADERS } from '../../message/headers.js';
import type { Outgoing } from '../../message/outgoing.js';
import { AlteredBackend } from '../../testing/altered-backend.js';
import { testAmbient } from '../../testing/test-ambient.js';
import { VirtualClock } from '../../testing/virtual-clock.js';
import { fromNodeSqlite } from './executors.js';
import { OutboxBackend, type OutboxOptions } from './outbox.backend.js';
import { outboxSchema } from './outbox.schema.js';

export type Publishing = (
  batch: readonly Outgoing[],
  rightly: (batch: readonly Outgoing[]) => Promise<readonly PublishResult[]>,
) => Promise<readonly PublishResult[]>;

/** A shop with a database, and a broker in memory where subscription `in` listens to topic `t`. */
export class Shop {
  readonly clock = new VirtualClock();
  readonly ambient: Ambient = testAmbient(this.clock);
  readonly #directory = mkdtempSync(join(tmpdir(), 'pigeonpost-outbox-'));
  /** The application's connection, and that of the relays. */
  readonly db = this.#connect();
  readonly relayDb = this.#connect();
  readonly tx = fromNodeSqlite(this.db);
  /** Ids of every publish call to the broker. */
  readonly calls: string[][] = [];
  /** How the broker answers; at first, rightly. */
  publishing: Publishing = (batch, rightly) => rightly(batch);
  broker!: Backend;
  readonly #opened: OutboxBackend[] = [];

  static async open(): Promise<Shop> {
    const shop = new Shop();
    shop.db.exec('PRAGMA journal_mode = WAL');
    for (const statement of outboxSchema('sqlite')) shop.db.exec(statement);
    shop.broker = (await memoryBackend.open('broker', {}, shop.ambient)).backend;
    await shop.broker.ensure(TOPOLOGY, 'create');
    return shop;
  }

  /** One process with an outbox, whose relay runs. */
  async process(options: Partial<OutboxOptions> = {}): Promise<OutboxBackend> {
    const target = new Shared(this.broker, {
      publish: (batch, rightly) => {
        this.calls.push(batch.map(({ id }) => id));
        return this.publishing(batch, rightly);
      },
    });
    const outbox = new OutboxBackend(
      target,
      { executor: fromNodeSqlite(this.relayDb), ...options },
      this.ambient,
    );
    this.#opened.push(outbox);
    await outbox.ensure(TOPOLOGY, 'create');
    await this.clock.advance(1); // It has the lease by now, or knows who has.
    return outbox;
  }

  /** Writes messages in a transaction and commits it. `a:1` has key `a`. */
  async commit(outbox: Backend, ...ids: string[]): Promise<readonly PublishResult[]> {
    this.db.exec('BEGIN IMMEDIATE');
    const results = await outbox.publish(ids.map(message), { tx: this.tx });
    this.db.exec('COMMIT');
    return results;
  }

  /** What the broker has, in the order in which it would be handed out. */
  async arrived(): Promise<readonly string[]> {
    const query = { kind: 'browse', subscription: 'in', state: 'ready', limit: 100_000 } as const;
    const ids: string[] = [];
    for await (const item of this.broker.inspect(query)) if (item.kind === 'message') ids.push(item.id);
    return ids;
  }

  rows(): number {
    return Number(this.db.prepare('SELECT count(*) AS n FROM outbox').get()?.['n']);
  }

  #connect(): DatabaseSync {
    return new DatabaseSync(join(this.#directory, 'shop.db'), { timeout: 0 });
  }

  async close(): Promise<void> {
    const closing = this.#opened.map((outbox) => outbox.close(new Date(this.clock.now() + 1_000)));
    await this.clock.advance(1_000);
    await Promise.all(closing);
    this.db.close();
    this.relayDb.close();
    rmSync(this.#directory, { recursive: true });
  }
}

/** A broker outlives its clients. */
class Shared extends AlteredBackend {
  override close(): Promise<void> {
    return Promise.resolve();
  }
}

const TOPOLOGY = { subscriptions: [{ name: 'in', topics: ['t'] }] };

export function message(id: string): Outgoing {
  const key = id.includes(':') ? id.split(':')[0] : undefined;
  const none = { to: undefined, delayMs: undefined, ttlMs: undefined, event: undefined };
  return { topic: 't', id, key, body: `"${id}"`, headers: NO_HEADERS, ...none };
}
