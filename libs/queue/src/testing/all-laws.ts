import type { Law } from './law.js';
import { CONSUMER_LAWS } from './laws/consumer.laws.js';
import { DEAD_LETTER_LAWS } from './laws/dead-letter.laws.js';
import { DELAY_LAWS } from './laws/delay.laws.js';
import { FAILURE_LAWS } from './laws/failure.laws.js';
import { FLOW_LAWS } from './laws/flow.laws.js';
import { LEASE_LAWS } from './laws/lease.laws.js';
import { PUBLISH_LAWS } from './laws/publish.laws.js';
import { SETTLE_LAWS } from './laws/settle.laws.js';

/** Everything a backend, and the consumer on top of it, is held to. */
export const ALL_LAWS: readonly Law[] = [
  ...PUBLISH_LAWS,
  ...SETTLE_LAWS,
  ...DELAY_LAWS,
  ...DEAD_LETTER_LAWS,
  ...LEASE_LAWS,
  ...FLOW_LAWS,
  ...FAILURE_LAWS,
  ...CONSUMER_LAWS,
];
