import type { Capabilities, CapabilityName, Delay } from '@pigeonpost/queue';
import { count, duration, size } from './measures.js';

/** What a capability means to somebody who uses the backend. */
export interface Guarantee<Value> {
  readonly title: string;
  readonly says: (value: Value) => string;
}

/** One guarantee per capability, in the order of the page. A new capability does not compile without its words. */
export const GUARANTEES: { readonly [Name in CapabilityName]: Guarantee<Capabilities[Name]> } = {
  durable: {
    title: 'a stored message survives',
    says: oneOf({
      process: 'nothing: it goes with the process',
      'broker-memory': 'the end of the process, not of the broker',
      'disk-soon': 'the end of the process and of the broker; of the host all but the last second',
      disk: 'the end of the process and of the host, not of the disk',
      replicated: 'the loss of a host',
    }),
  },
  hosts: {
    title: 'messages are shared by',
    says: oneOf({ process: 'one process', host: 'the processes of one host', many: 'many hosts' }),
  },
  confirm: {
    title: 'a publish that succeeded',
    says: oneOf({
      none: 'was handed to the driver, no more',
      stored: 'is stored by the broker',
      routed: 'is stored in every subscription; refused if there is none',
    }),
  },
  dedup: {
    title: 'a publish that is repeated',
    says: (dedup) =>
      dedup === false
        ? 'is stored again'
        : `is stored once when it asks for that, within up to ${duration(dedup.windowMs)}`,
  },
  tx: {
    title: 'a publish in a transaction',
    says: oneOf({
      none: 'refused',
      batch: 'a batch is stored whole or not at all',
      enlist: 'joins the transaction of the caller',
      'consume-produce': 'is stored with the acknowledgement, or not at all',
    }),
  },
  ack: {
    title: 'a message counts as handled',
    says: oneOf({
      none: 'when it is delivered: at most once',
      position: 'when all before it are acknowledged: at least once',
      message: 'when it is acknowledged itself: at least once',
    }),
  },
  lease: {
    title: 'a message has one consumer at a time',
    says: (lease) => {
      if (lease === false) return 'no';
      const renewed = lease.extend ? 'renewable' : 'not renewable';
      const inAll = lease.holdMs === undefined ? '' : `, for ${duration(lease.holdMs)} in all`;
      return `for a lease of up to ${duration(lease.maxMs)}, ${renewed}${inAll}`;
    },
  },
  attempts: {
    title: 'attempts are counted',
    says: oneOf({
      none: 'no',
      flag: 'first or not, no more',
      counted: 'yes, but not the ones that end in a crash',
      'counted-on-crash': 'yes, crashes included',
    }),
  },
  uncountedRelease: {
    title: 'a shutdown or a pause costs an attempt',
    says: (uncounted) => (uncounted ? 'no' : 'yes'),
  },
  delay: {
    title: 'waits of publishes and retries',
    says: ({ publish, retry }) => {
      const [publishes, retries] = [delayed(publish), delayed(retry)];
      return publishes === retries ? publishes : `publishes: ${publishes}; retries: ${retries}`;
    },
  },
  order: {
    title: 'messages are handled in order',
    says: oneOf({ none: 'no promise', queue: 'per subscription', key: 'per key, if asked to' }),
  },
  onRetry: {
    title: 'while a retry waits',
    says: oneOf({
      breaks: 'later messages overtake it',
      'block-key': 'the others of its key wait, if it is in an order',
      'block-queue': 'the whole subscription waits',
    }),
  },
  onDead: {
    title: 'a dead letter in an order',
    says: oneOf({ skip: 'lets its key go on', hold: 'keeps its key waiting, if asked to' }),
  },
  fanout: {
    title: 'a subscription has its own copies',
    says: oneOf({
      none: 'no: consumers share one queue',
      ephemeral: 'while it is connected',
      named: 'yes, under its name, from before its first consumer',
    }),
  },
  wildcards: {
    title: 'a subscription can listen to patterns of topics',
    says: (wildcards) => (wildcards ? 'yes' : 'refused'),
  },
  ephemeral: {
    title: 'a subscription for the time of a process',
    says: (ephemeral) => (ephemeral ? 'goes with its receiver, or when it has expired' : 'refused'),
  },
  lane: {
    title: 'a message for one subscription',
    says: (lane) => (lane ? 'reaches no other' : 'refused'),
  },
  dead: {
    title: 'a dead letter',
    says: oneOf({
      none: 'is not kept',
      native: 'is kept as it came',
      'native-reason': 'is kept as it came, with every failure',
    }),
  },
  browse: {
    title: 'messages can be looked at without taking them',
    says: oneOf({ none: 'no', dead: 'dead letters only', all: 'yes' }),
  },
  depth: {
    title: 'what is ready, delayed, in flight and dead is counted',
    says: oneOf({ none: 'no', approx: 'about', exact: 'exactly' }),
  },
  ttl: {
    title: 'an expired message is never handled',
    says: oneOf({ none: 'no', queue: 'per subscription', message: 'per message' }),
  },
  cancel: {
    title: 'a delayed publish can be cancelled',
    says: (cancel) => (cancel ? 'until it is due' : 'no'),
  },
  log: {
    title: 'a topic can be retained for later subscriptions',
    says: (log) => (log === false ? 'no' : `for up to ${duration(log.maxAgeMs)}`),
  },
  bounds: {
    title: 'a subscription can be bounded',
    says: (bounds) => (bounds ? 'yes, exactly, for every publisher' : 'no'),
  },
  priority: {
    title: 'urgent messages overtake',
    says: (levels) => (levels > 1 ? `${levels} levels` : 'no'),
  },
  batch: {
    title: 'most in one call: publishes, deliveries, settlements',
    says: ({ publish, receive, settle }) => [publish, receive, settle].map(count).join(' / '),
  },
  maxBytes: { title: 'largest body, unless configured', says: size },
};

function oneOf<Value extends string>(words: Readonly<Record<Value, string>>): (value: Value) => string {
  return (value) => words[value];
}

function delayed(delay: Delay): string {
  if (delay === false) return 'refused';
  const most = duration(delay.maxMs);
  return `${most.startsWith('without') ? most : `up to ${most}`}, never early, at most ${duration(delay.resolutionMs)} late at rest`;
}
