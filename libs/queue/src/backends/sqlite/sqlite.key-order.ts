import type { DatabaseSync } from 'node:sqlite';
import type { Settlement } from '../../backend/backend.js';
import type { KeyOrder } from '../../backend/key-order.js';
import { FREE, HELD } from './sqlite.schema.js';
import { prepareAll, type Statements } from './sqlite.statements.js';

/** The messages of a key that are in the order: answered by the index on exactly these. */
const OF_KEY = 'subscription_id = :subscriptionId AND key = :key AND in_order IS NOT NULL';

const SQL = {
  isTaken: `
    SELECT EXISTS (SELECT 1 FROM messages WHERE ${OF_KEY})
      OR EXISTS (SELECT 1 FROM dead WHERE subscription_id = :subscriptionId AND key = :key AND holds IS NOT NULL) AS taken`,
  next: `
    UPDATE messages SET available_at = MAX(ready_at, :now), ready_at = MAX(ready_at, :now)
    WHERE seq = (SELECT seq FROM messages WHERE ${OF_KEY} ORDER BY seq LIMIT 1) AND available_at = ${HELD}`,
  leave: `UPDATE messages SET in_order = NULL WHERE seq = ?`,
  hold: `UPDATE dead SET holds = 1 WHERE seq = ?`,
  revive: `
    INSERT INTO messages (seq, subscription_id, available_at, token, ready_at, deliveries, failures, releases, published_at,
      id, topic, key, headers, body, priority, in_order)
    SELECT seq, subscription_id, :now, ${FREE}, :now, 0, 0, 0, published_at, id, topic, key, :headers, body, priority, 1
    FROM dead WHERE subscription_id = :subscriptionId AND seq = :seq AND holds IS NOT NULL`,
  forget: `DELETE FROM dead WHERE seq = ?`,
  enlist: `
    UPDATE messages SET in_order = 1
    WHERE subscription_id = :subscriptionId AND key IS NOT NULL AND NOT (available_at > :now AND token <> ${FREE})`,
  line: `
    UPDATE messages SET available_at = ${HELD}, token = ${FREE}
    WHERE subscription_id = :subscriptionId AND in_order IS NOT NULL AND EXISTS (
      SELECT 1 FROM messages AS earlier
      WHERE earlier.subscription_id = :subscriptionId AND earlier.key = messages.key AND earlier.in_order IS NOT NULL
        AND earlier.seq < messages.seq)`,
};

/** The turn of one key of one subscription. */
export interface Turn {
  readonly subscriptionId: number;
  readonly key: string;
}

/**
 * Whose turn it is, key by key: the oldest message of a key that is in the order, unless a dead letter holds the key.
 * All others of the key are held, where no claim looks, so that a claim costs the same however many they are. Everything
 * here belongs inside a transaction; times are ms since the epoch.
 */
export class SqliteKeyOrder {
  readonly #sql: Statements<typeof SQL>;

  constructor(db: DatabaseSync) {
    this.#sql = prepareAll(db, SQL);
  }

  /** Whether somebody has the turn, so that a new message of the key must wait. */
  isTaken({ subscriptionId, key }: Turn): boolean {
    return this.#sql.isTaken.get({ subscriptionId, key })?.['taken'] === 1;
  }

  /** Gives the turn to the oldest one, when it was held. False: nobody waits, or it is out of its turn already. */
  next({ subscriptionId, key }: Turn, now: number): boolean {
    return this.#sql.next.run({ subscriptionId, key, now }).changes === 1;
  }

  /** What the settlement of a message in the order does to its key. True: another message is ready now. */
  settled(act: Settlement, { seq, ...turn }: Turn & { seq: number }, order: KeyOrder, now: number): boolean {
    switch (act.kind) {
      case 'ack':
        return this.next(turn, now);
      case 'retry':
        if (order.onRetry === 'block-key') return false;
        this.#sql.leave.run(seq);
        return this.next(turn, now);
      case 'dead':
        if (order.onDead === 'skip') return this.next(turn, now);
        this.#sql.hold.run(seq);
        return false;
      case 'release':
      case 'extend':
        return false;
    }
  }

  /** Puts a dead letter that holds its key back into its old place. False: there is none. `headers` encoded. */
  revive(subscriptionId: number, seq: number, headers: string | null, now: number): boolean {
    if (this.#sql.revive.run({ subscriptionId, seq, headers, now }).changes !== 1) return false;
    this.#sql.forget.run(seq);
    return true;
  }

  /** For a subscription that gets its order now: all that is not in flight lines up. */
  start(subscriptionId: number, now: number): void {
    this.#sql.enlist.run({ subscriptionId, now });
    this.#sql.line.run({ subscriptionId });
  }
}
