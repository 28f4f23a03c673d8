/**
 * What is left over where a backend gives less than a handler asks for, in words. Each of them stops the boot unless
 * the handler accepts it by its name. A want that nothing can be left of, such as a store, has no name here.
 */
export const ANOMALIES = Object.freeze({
  'unconfirmed-publish': 'a publish can resolve for a message that the broker never stored',
  'loss-on-crash': 'a message is lost with the process that was handling it',
  'uncounted-attempts': 'a message that always fails is tried for ever and never becomes a dead letter',
  'uncounted-crashes': 'a message that ends its process comes again for ever and never becomes a dead letter',
  'broker-backoff': 'the waits between attempts are those of the broker, not the ones asked for',
  'dead-without-reason': 'a dead letter does not tell why it was given up',
  'lease-not-renewed': 'a handler that outlasts its lease is aborted, and its message goes to somebody else',
  'counted-release': 'a shutdown or a pause costs each message it gives back an attempt',
  'loss-while-away': 'what is published while no consumer of the subscription runs is lost to it',
});

/** A name that `@Consume(…, { accept: […] })` takes. */
export type Anomaly = keyof typeof ANOMALIES;

export function isAnomaly(name: unknown): name is Anomaly {
  return typeof name === 'string' && Object.hasOwn(ANOMALIES, name);
}
