import { DatabaseSync } from 'node:sqlite';
import { testAmbient } from '../../testing/test-ambient.js';
import { VirtualClock } from '../../testing/virtual-clock.js';
import { fromNodeSqlite } from './executors.js';
import { Inbox } from './inbox.js';
import { inboxSchema } from './outbox.schema.js';

const DAY_MS = 86_400_000;

describe('an inbox', () => {
  const clock = new VirtualClock();
  let db: DatabaseSync;
  let inbox: Inbox;

  beforeEach(() => {
    db = new DatabaseSync(':memory:');
    for (const statement of inboxSchema('sqlite')) db.exec(statement);
    inbox = new Inbox({ ambient: testAmbient(clock) });
  });

  afterEach(() => db.close());

  const claim = (id: string, subscription = 'work'): Promise<boolean> =>
    inbox.claim(fromNodeSqlite(db), { id, subscription });

  it('lets a message through once, and again only after a roll-back', async () => {
    db.exec('BEGIN');
    expect(await claim('a')).toBe(true);
    db.exec('ROLLBACK; BEGIN');
    expect(await claim('a')).toBe(true);
    db.exec('COMMIT; BEGIN');
    expect(await claim('a')).toBe(false);
    db.exec('COMMIT');
  });

  it('keeps subscriptions apart', async () => {
    expect([await claim('a', 'work'), await claim('a', 'audit')]).toEqual([true, true]);
  });

  it('knows the intent by its idempotency key, whatever the message is called', async () => {
    const event = { idempotency_key: 'order-1' } as never;
    const once = (id: string) => inbox.claim(fromNodeSqlite(db), { id, subscription: 'work', event });
    expect([await once('a'), await once('b')]).toEqual([true, false]);
  });

  it('forgets what was handled long ago, and nothing else', async () => {
    await claim('old');
    await clock.advance(8 * DAY_MS);
    await claim('new');
    await inbox.sweep(fromNodeSqlite(db), 7 * DAY_MS);
    expect([await claim('old'), await claim('new')]).toEqual([true, false]);
  });
});
