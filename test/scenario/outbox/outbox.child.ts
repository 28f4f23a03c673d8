import { writeSync } from 'node:fs';
import { DatabaseSync } from 'node:sqlite';
import { setTimeout as wait } from 'node:timers/promises';
import { Bus, systemAmbient } from '@pigeonpost/queue';
import { fromNodeSqlite, OutboxBackend } from '@pigeonpost/queue/outbox';
import { sqliteBackend } from '@pigeonpost/queue/sqlite';
import { orderOf } from '../child-process.js';
import { type ChildOrder, keyOf, SUBSCRIPTION } from './outbox.order.js';

// One process of a shop: it takes orders in transactions of its database, or relays what others wrote there, or both.
const { shop, broker, orders, relay } = orderOf<ChildOrder>();
const db = new DatabaseSync(shop, { timeout: 10_000 });
const relayDb = new DatabaseSync(shop, { timeout: 10_000 });
const opened = await sqliteBackend.open('broker', { file: broker }, systemAmbient);
const options = { executor: fromNodeSqlite(relayDb), relay, leaseMs: 1_000, pollMs: 20, batch: 16 };
const outbox = new OutboxBackend(opened.backend, options, systemAmbient);
await outbox.ensure({ subscriptions: [SUBSCRIPTION] }, 'check');
const bus = new Bus({ backend: outbox, source: 'urn:shop', ambient: systemAmbient });
const tx = fromNodeSqlite(db);

for (let n = orders.from; n < orders.to; n++) {
  db.exec('BEGIN IMMEDIATE');
  db.prepare('INSERT INTO orders (id) VALUES (?)').run(n);
  await bus.publish('orders', n, { id: `o-${n}`, key: keyOf(n), tx });
  // Every tenth order is thought better of.
  db.exec(n % 10 === 9 ? 'ROLLBACK' : 'COMMIT');
  if (n % 20 === 0) await wait(1);
}
writeSync(1, 'written\n');
