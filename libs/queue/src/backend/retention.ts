import { QueueError } from '../message/queue-error.js';
import { InvalidTopologyError } from './invalid-topology.error.js';

/** How long a topic keeps its messages for subscriptions that come later, and how many of them. */
export interface Retention {
  readonly forMs: number;
  /** The newest ones; undefined: no limit. */
  readonly maxMessages?: number | undefined;
}

export interface TopicTopology {
  readonly name: string;
  /** Undefined: as it is, and none for a new topic. `false` takes it away, with what was kept. */
  readonly retain?: Retention | false | undefined;
}

/** Where a new subscription begins: with what is published from now on, or with what its topics have retained. */
export type FirstMessage = (typeof FIRST_MESSAGES)[number];

export const FIRST_MESSAGES = ['latest', 'earliest'] as const;

/** A subscription shall start with what a topic has kept, and the topic keeps nothing. */
export class NothingRetainedError extends QueueError {
  readonly code = 'nothing_retained';

  constructor(backend: string, { subscription, topic }: { subscription: string; topic: string }) {
    super(
      `subscription "${subscription}" shall start with the earliest message of topic "${topic}", but backend "${backend}" retains none of them: declare topology.topics: [{ name: '${topic}', retain: { for: '7d' } }], or start at 'latest'`,
    );
  }
}

/** Ten years: beyond it a time is a mistake in its unit. */
export const MAX_RETENTION_MS = 3_650 * 86_400_000;
const MAX_RETAINED = 1_000_000_000;

/** Throws InvalidTopologyError. */
export function checkRetention(topic: string, { forMs, maxMessages = 1 }: Retention): void {
  const isTime = forMs >= 1 && forMs <= MAX_RETENTION_MS;
  if (isTime && Number.isInteger(maxMessages) && maxMessages >= 1 && maxMessages <= MAX_RETAINED) return;
  throw new InvalidTopologyError(
    `topic "${topic}" cannot retain ${maxMessages} messages for ${forMs} ms: use from 1 to ${MAX_RETAINED} messages and from 1 to ${MAX_RETENTION_MS} ms`,
  );
}

export function sameRetention(one: Retention | undefined, other: Retention | undefined): boolean {
  return one?.forMs === other?.forMs && one?.maxMessages === other?.maxMessages;
}
