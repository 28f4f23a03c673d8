import { type Anomaly, ANOMALIES, type Capabilities } from '@pigeonpost/queue';

/** What there is to know of an anomaly beyond the words that the library itself has for it. */
export interface AnomalyNote {
  /** What an application does about it. */
  readonly remedy: string;
  /** Laws that hold it in its bounds. */
  readonly laws: readonly string[];
  /** Whether it can happen on a backend of which nobody asked to be spared it. */
  readonly isLeft: (capabilities: Capabilities) => boolean;
}

/** In the order of the page. A new anomaly does not compile without its note. */
export const ANOMALY_NOTES: Readonly<Record<Anomaly, AnomalyNote>> = {
  'loss-with-process': {
    remedy: 'Choose a backend that is durable for what must not be lost.',
    laws: [],
    isLeft: ({ durable }) => durable === 'process',
  },
  'out-of-reach': {
    remedy: 'Choose a backend that hosts share, or relay what others need with a bridge.',
    laws: [],
    isLeft: ({ hosts }) => hosts !== 'many',
  },
  'loss-with-broker': {
    remedy: 'Let the broker write to a disk.',
    laws: [],
    isLeft: ({ durable }) => durable === 'broker-memory',
  },
  'loss-of-the-latest': {
    remedy: 'Let the broker write every change to the disk before it answers, or replicate it.',
    laws: [],
    isLeft: ({ durable }) => durable === 'disk-soon',
  },
  'loss-with-disk': {
    remedy: 'Put the file on storage that is mirrored, or repeat the publishes from your own records.',
    laws: [],
    isLeft: ({ durable }) => durable === 'disk' || durable === 'disk-soon',
  },
  'unconfirmed-publish': {
    remedy: 'Choose a backend that confirms.',
    laws: [],
    isLeft: ({ confirm }) => confirm === 'none',
  },
  'stored-twice': {
    remedy: 'Repeat it with the same id within a window of deduplication, or handle it with `@Idempotent()`.',
    laws: ['A6', 'J1', 'J3'],
    isLeft: () => true,
  },
  'parted-writes': {
    remedy: 'Publish after the commit, and publish again what your records do not show as published.',
    laws: [],
    isLeft: ({ tx }) => tx === 'none' || tx === 'batch',
  },
  'loss-while-away': {
    remedy: 'Choose a backend with named subscriptions.',
    laws: [],
    isLeft: ({ fanout }) => fanout === 'ephemeral',
  },
  'loss-on-crash': {
    remedy: 'Choose a backend that acknowledges for what must not be lost.',
    laws: [],
    isLeft: ({ ack }) => ack === 'none',
  },
  'loss-on-failure': {
    remedy: "It comes from `delivery: 'at-most-once'` alone: take that away.",
    laws: [],
    isLeft: () => false,
  },
  'second-handling': {
    remedy: 'Use `@Idempotent()`, or give the handler effects that may be repeated.',
    laws: ['B4', 'G2a', 'D4', 'J3'],
    isLeft: ({ ack }) => ack !== 'none',
  },
  'second-handling-of-more': {
    remedy: 'Use `@Idempotent()`, or give the handler effects that may be repeated.',
    laws: [],
    isLeft: ({ ack }) => ack === 'position',
  },
  'two-at-once': {
    remedy:
      'Its settlement changes nothing any more, but its other effects do: watch the `signal` of the message context, which aborts when the lease is lost.',
    laws: ['B6', 'B6a', 'G3', 'G8'],
    isLeft: ({ lease }) => lease !== false,
  },
  'lease-not-renewed': {
    remedy: 'Give the handler a lease as long as it can run.',
    laws: [],
    isLeft: ({ lease }) => lease !== false && !lease.extend,
  },
  'another-order': {
    remedy:
      'Ask for `order` where the backend has it, or carry a version in the payload and let the newer one win.',
    laws: ['E1', 'E2'],
    isLeft: () => true,
  },
  overtaken: {
    remedy: 'Ask for `order`, or let the newer state win here too.',
    laws: ['E4', 'E5'],
    isLeft: () => true,
  },
  'skipped-dead': {
    remedy: 'Ask for `order`, whose dead letters hold their key, and watch the depth of what is held.',
    laws: ['E6', 'E6a'],
    isLeft: () => true,
  },
  late: {
    remedy: 'Watch the age of what is ready; never early is the promise, on time is a matter of capacity.',
    laws: ['C1', 'C1a', 'C5'],
    isLeft: ({ delay }) => delay.publish !== false || delay.retry !== false,
  },
  'broker-backoff': {
    remedy: 'Choose a backend with delayed retries.',
    laws: [],
    isLeft: ({ delay }) => delay.retry !== false && delay.retry.kind === 'backoff',
  },
  'uncounted-attempts': {
    remedy: 'Choose a backend that counts.',
    laws: [],
    isLeft: ({ attempts }) => attempts === 'none' || attempts === 'flag',
  },
  'uncounted-crashes': {
    remedy: 'Choose a backend that counts a delivery before it hands it out.',
    laws: [],
    isLeft: ({ attempts }) => attempts !== 'counted-on-crash',
  },
  'counted-release': {
    remedy: 'Allow for more attempts.',
    laws: [],
    isLeft: ({ uncountedRelease }) => !uncountedRelease,
  },
  'dead-without-reason': {
    remedy: 'Look into the log of the consumers.',
    laws: [],
    isLeft: ({ dead }) => dead === 'native',
  },
};

/** As a sentence. */
export function happens(name: Anomaly): string {
  const words = ANOMALIES[name];
  return `${words.charAt(0).toUpperCase()}${words.slice(1)}.`;
}
