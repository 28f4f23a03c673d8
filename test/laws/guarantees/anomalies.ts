import type { Capabilities } from '@pigeonpost/queue';

/** Something that can still happen on a backend, although it keeps every promise. */
export interface Anomaly {
  readonly name: string;
  readonly happens: string;
  /** What an application does about it. */
  readonly remedy: string;
  /** Laws that hold it in its bounds. */
  readonly laws: readonly string[];
  readonly isLeft: (capabilities: Capabilities) => boolean;
}

export const ANOMALIES: readonly Anomaly[] = [
  {
    name: 'loss with the process',
    happens: 'The process ends, and everything that it stored ends with it, handled or not.',
    remedy: 'Choose a backend that is durable for what must not be lost.',
    laws: [],
    isLeft: ({ durable }) => durable === 'process',
  },
  {
    name: 'loss with the disk',
    happens: 'The disk is lost or is put back to an older state.',
    remedy: 'Put the file on storage that is mirrored, or repeat the publishes from your own records.',
    laws: [],
    isLeft: ({ durable }) => durable === 'disk',
  },
  {
    name: 'loss in handling',
    happens: 'A process dies while it handles a message, which counted as handled when it was delivered.',
    remedy: 'Choose a backend that acknowledges for what must not be lost.',
    laws: [],
    isLeft: ({ ack }) => ack === 'none',
  },
  {
    name: 'second handling',
    happens:
      'A process dies, or its lease ends, after the handler has had its effect and before the acknowledgement: the message is handled again.',
    remedy: 'Use `@Idempotent()`, or give the handler effects that may be repeated.',
    laws: ['B4', 'G2a', 'D4', 'J3'],
    isLeft: ({ ack }) => ack !== 'none',
  },
  {
    name: 'two handlers at once',
    happens:
      'A process stands still for longer than its lease and goes on while another one handles the message: its settlement changes nothing any more, but its other effects do.',
    remedy: 'Watch the `signal` of the message context, which aborts when the lease is lost.',
    laws: ['B6', 'B6a', 'G3', 'G8'],
    isLeft: ({ lease }) => lease !== false,
  },
  {
    name: 'stored twice',
    happens: 'A publish ends as unknown and is repeated: both copies may be there.',
    remedy: 'Repeat it with the same id and idempotency key, and handle it with `@Idempotent()`.',
    laws: ['A6', 'J3'],
    isLeft: ({ dedup }) => dedup === false,
  },
  {
    name: 'parted writes',
    happens:
      'The process dies between the commit in your database and the publish: one of the two is there without the other.',
    remedy: 'Publish after the commit, and publish again what your records do not show as published.',
    laws: [],
    isLeft: ({ tx }) => tx === 'none' || tx === 'batch',
  },
  {
    name: 'another order',
    happens: 'Handlers run at once, and end in another order than their messages were published in.',
    remedy: 'Carry a version or a time in the payload, and let the newer one win.',
    laws: [],
    isLeft: ({ order }) => order === 'none',
  },
  {
    name: 'overtaken by later ones',
    happens:
      'A handler fails, and later messages are handled while the failed one waits for its next attempt.',
    remedy: 'Let the newer state win here too, or put what depends on each other into one message.',
    laws: [],
    isLeft: ({ onRetry }) => onRetry === 'breaks',
  },
  {
    name: 'later than asked for',
    happens:
      'Every consumer is busy, or none runs, when a delay ends: the message waits for the next free one.',
    remedy: 'Watch the age of what is ready; never early is the promise, on time is a matter of capacity.',
    laws: ['C1', 'C1a', 'C5'],
    isLeft: ({ delay }) => delay.publish !== false || delay.retry !== false,
  },
];
