import { formatDuration } from './duration.js';
import type { Need, Requirement } from './requirements.js';

type Words = { readonly [N in Need]: (requirement: Extract<Requirement, { need: N }>) => string };

const MODES = {
  'at-least-once': 'at least once',
  'at-most-once': 'at most once',
  'effectively-once': 'at least once, with one effect',
};

const REACHES = {
  process: 'messages stay in this process',
  host: 'messages reach the processes of this host',
  'many-hosts': 'messages reach many hosts',
};

const WORDS: Words = {
  publish: () => 'a published message is stored',
  delivery: ({ mode }) => MODES[mode],
  locality: ({ locality }) => REACHES[locality],
  durability: () => 'messages outlive their process',
  'fan-out': () => 'a copy of every message',
  routing: () => 'a handler for each message by its type and headers',
  wildcards: ({ patterns }) => `topics like ${patterns.join(', ')}`,
  retry: ({ attempts, longestMs }) => `${attempts - 1} retries, waits up to ${formatDuration(longestMs)}`,
  attempts: ({ attempts }) => `${attempts} attempts, counted`,
  crashes: ({ maxCrashes }) => `${maxCrashes} crashes, counted`,
  'dead letters': () => 'dead letters with their reasons',
  retention: ({ keepMs }) => `dead letters removed after ${formatDuration(keepMs)}`,
  lease: ({ leaseMs, maxLeaseMs }) =>
    `${formatDuration(leaseMs)}, renewed up to ${formatDuration(maxLeaseMs)}`,
  timeout: ({ timeoutMs }) => `after ${formatDuration(timeoutMs)}`,
  release: () => 'given back uncounted at a shutdown',
  idempotency: ({ ttlMs }) => `handled once within ${formatDuration(ttlMs)}`,
  rate: ({ max, perMs }) => `${max} starts in ${formatDuration(perMs)} at most`,
  circuit: ({ openMs, failures }) =>
    `a pause of ${formatDuration(openMs)} after ${failures} failures in a row`,
  'single consumer': () => 'one process at a time',
  order: () => 'one message of a key at a time, in their order',
  'order on retry': () => 'a key waits for a failed message',
  'order on death': () => 'a key waits for its dead letter',
  batch: ({ size, withinMs }) =>
    `up to ${size} messages at once, gathered within ${formatDuration(withinMs)}`,
  concurrency: ({ concurrency, prefetch }) => `${concurrency} at once, prefetch ${prefetch}`,
  bounds: ({ bounds }) => `${bounds.maxMessages} messages at most, then ${bounds.whenFull.kind}`,
  log: ({ forMs, maxMessages }) =>
    `kept for later subscriptions: ${formatDuration(forMs)}${maxMessages === undefined ? '' : `, the newest ${maxMessages}`}`,
  earliest: () => 'starts with the earliest message that its topics retain',
  dedup: ({ windowMs }) => `each id stored once within ${formatDuration(windowMs)}`,
};

/** What a requirement asks for, in words. */
export function askedBy(requirement: Requirement): string {
  return (WORDS[requirement.need] as (requirement: Requirement) => string)(requirement);
}
