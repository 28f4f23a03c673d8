import type { Law } from './law.js';
import { BATCH_LAWS } from './laws/batch.laws.js';
import { ADMIN_LAWS } from './laws/admin.laws.js';
import { BLOCKING_LAWS } from './laws/blocking.laws.js';
import { BOUNDS_LAWS } from './laws/bounds.laws.js';
import { BUS_LAWS } from './laws/bus.laws.js';
import { CANCEL_LAWS } from './laws/cancel.laws.js';
import { CONSUMER_LAWS } from './laws/consumer.laws.js';
import { COPYING_LAWS } from './laws/copying.laws.js';
import { DEAD_LETTER_LAWS } from './laws/dead-letter.laws.js';
import { DELIVERY_LAWS } from './laws/delivery.laws.js';
import { DEDUP_LAWS } from './laws/dedup.laws.js';
import { DELAY_STORE_LAWS } from './laws/delay-store.laws.js';
import { DELAY_LAWS } from './laws/delay.laws.js';
import { EPHEMERAL_LAWS } from './laws/ephemeral.laws.js';
import { ENVELOPE_LAWS } from './laws/envelope.laws.js';
import { FAN_OUT_LAWS } from './laws/fan-out.laws.js';
import { FAULT_LAWS } from './laws/fault.laws.js';
import { FLOW_LAWS } from './laws/flow.laws.js';
import { GUARDED_BODY_LAWS } from './laws/guarded-body.laws.js';
import { LEASE_LAWS } from './laws/lease.laws.js';
import { LEAVING_RETRY_LAWS } from './laws/leaving-retries.laws.js';
import { LIMIT_LAWS } from './laws/limit.laws.js';
import { HOLD_LAWS } from './laws/hold.laws.js';
import { DECLARED_ORDER_LAWS } from './laws/declared-order.laws.js';
import { ORDER_BY_CHANCE_LAWS } from './laws/order-by-chance.laws.js';
import { ORDER_LAWS } from './laws/order.laws.js';
import { QUEUE_ORDER_LAWS } from './laws/queue-order.laws.js';
import { ORDERED_CONSUMER_LAWS } from './laws/ordered-consumer.laws.js';
import { LOG_LAWS } from './laws/log.laws.js';
import { OVERFLOW_LAWS } from './laws/overflow.laws.js';
import { PUBLISH_LAWS } from './laws/publish.laws.js';
import { PRIORITY_LAWS } from './laws/priority.laws.js';
import { CRASH_LAWS } from './laws/crash.laws.js';
import { REPLAY_LAWS } from './laws/replay.laws.js';
import { RENEWAL_LAWS } from './laws/renewal.laws.js';
import { RETRY_LAWS } from './laws/retry.laws.js';
import { SHUTDOWN_LAWS } from './laws/shutdown.laws.js';
import { RELEASE_LAWS } from './laws/release.laws.js';
import { SEALED_BODY_LAWS } from './laws/sealed-body.laws.js';
import { SETTLE_LAWS } from './laws/settle.laws.js';
import { STORE_LAWS } from './laws/store.laws.js';
import { WILDCARD_LAWS } from './laws/wildcard.laws.js';
import { IDEMPOTENCY_LAWS } from './laws/idempotency.laws.js';
import { OUTBOX_LAWS } from './laws/outbox.laws.js';
import { TRANSACTION_LAWS } from './laws/transaction.laws.js';

/** Everything a backend, and the consumer on top of it, is held to. */
export const ALL_LAWS: readonly Law[] = [
  ...PUBLISH_LAWS,
  ...EPHEMERAL_LAWS,
  ...BOUNDS_LAWS,
  ...OVERFLOW_LAWS,
  ...LOG_LAWS,
  ...BLOCKING_LAWS,
  ...DEDUP_LAWS,
  ...TRANSACTION_LAWS,
  ...OUTBOX_LAWS,
  ...IDEMPOTENCY_LAWS,
  ...SETTLE_LAWS,
  ...WILDCARD_LAWS,
  ...RELEASE_LAWS,
  ...DELIVERY_LAWS,
  ...DELAY_LAWS,
  ...DELAY_STORE_LAWS,
  ...LEAVING_RETRY_LAWS,
  ...CANCEL_LAWS,
  ...DEAD_LETTER_LAWS,
  ...LEASE_LAWS,
  ...FLOW_LAWS,
  ...PRIORITY_LAWS,
  ...DECLARED_ORDER_LAWS,
  ...ORDER_LAWS,
  ...HOLD_LAWS,
  ...ORDER_BY_CHANCE_LAWS,
  ...ORDERED_CONSUMER_LAWS,
  ...QUEUE_ORDER_LAWS,
  ...LIMIT_LAWS,
  ...BUS_LAWS,
  ...CONSUMER_LAWS,
  ...BATCH_LAWS,
  ...ENVELOPE_LAWS,
  ...GUARDED_BODY_LAWS,
  ...SEALED_BODY_LAWS,
  ...RENEWAL_LAWS,
  ...RETRY_LAWS,
  ...CRASH_LAWS,
  ...REPLAY_LAWS,
  ...SHUTDOWN_LAWS,
  ...FAN_OUT_LAWS,
  ...COPYING_LAWS,
  ...FAULT_LAWS,
  ...ADMIN_LAWS,
  ...STORE_LAWS,
];
