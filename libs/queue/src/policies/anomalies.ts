/**
 * What can go wrong although every promise is kept, in words: the one list of the plan, of `accept` and of the page of
 * guarantees. Those that a handler asked to be spared stop the boot, unless it accepts them by their name. A want that
 * nothing can be left of, such as a store, has no name here.
 */
export const ANOMALIES = Object.freeze({
  'loss-with-process': 'everything that a process has stored ends with it, handled or not',
  'out-of-reach':
    'what is published in one place reaches no handler in another one, also when that one is down',
  'loss-with-broker': 'what a broker keeps in its memory is lost when it ends',
  'loss-of-the-latest':
    'what was stored in the last second before the host of the broker crashed can be lost with it',
  'loss-with-disk': 'what a disk held is lost with it, or when it is put back to an older state',
  'unconfirmed-publish': 'a publish can resolve for a message that the broker never stored',
  'stored-twice': 'a publish that ended as unknown and is repeated can be there twice',
  'parted-writes': 'a crash between a commit in your database and the publish leaves one without the other',
  'loss-while-away': 'what is published while no consumer of the subscription runs is lost to it',
  'loss-on-crash': 'a message is lost with the process that was handling it',
  'loss-on-failure': 'a message whose handler failed is not tried again, and not kept as a dead letter',
  'second-handling': 'a crash, or the end of a lease, between the effect and the ack repeats the message',
  'second-handling-of-more':
    'a crash also repeats handled messages that stand behind one that was still running',
  'two-at-once': 'a handler that goes on after its lease ended shares its message with somebody else',
  'lease-not-renewed': 'a handler that outlasts its lease is aborted, and its message goes to somebody else',
  'another-order': 'handlers run at once, and end in another order than their messages were published in',
  overtaken: 'later messages are handled while a failed one waits for its next attempt',
  'skipped-dead': 'later messages are handled although one before them became a dead letter',
  late: 'a message whose delay has ended waits while every consumer is busy, or none runs',
  'broker-backoff': 'the waits between attempts are those of the broker, not the ones asked for',
  'uncounted-attempts': 'a message that always fails is tried for ever and never becomes a dead letter',
  'uncounted-crashes': 'a message that ends its process comes again for ever and never becomes a dead letter',
  'counted-release': 'a shutdown or a pause costs each message it gives back an attempt',
  'dead-without-reason': 'a dead letter does not tell why it was given up',
});

/** A name that `@Consume(…, { accept: […] })` takes. One that does not occur, or that nobody asked to be spared, changes nothing. */
export type Anomaly = keyof typeof ANOMALIES;

export function isAnomaly(name: unknown): name is Anomaly {
  return typeof name === 'string' && Object.hasOwn(ANOMALIES, name);
}
