import type { NotOffered } from './law.js';

/** Promises of the contract that are not made yet. Each is listed with every run, so that nothing is missing unseen. */
export const NOT_OFFERED: readonly NotOffered[] = [
  {
    id: 'A10',
    title: 'a blocked broker makes publishers wait',
    why: 'no backend with a server that can block; a full queue is refused at once',
  },
  {
    id: 'B7',
    title: 'settling across a reconnect is lost',
    why: 'no backend with a connection that can break underneath',
  },
  {
    id: 'C9',
    title: 'a kill between copy and ack of a composed retry duplicates but never loses',
    why: 'retries are native, or refused by the plan; of delays only those of publishes are composed: C7b',
  },
  { id: 'C11', title: 'a scheduled publish can be cancelled', why: 'there is no cancel verb' },
  {
    id: 'C12',
    title: 'retries inside the process keep the lease alive',
    why: 'a retry is a new delivery, never a loop that holds a lease',
  },
  {
    id: 'E9',
    title: 'a publisher that repeats after a cut inverts nothing',
    why: 'nothing repeats a publish by itself; who does it decides on the order',
  },
  {
    id: 'D14',
    title: 'a broker’s own delivery limit below ours stops the boot',
    why: 'no backend has a limit of its own',
  },
  {
    id: 'K6',
    title: 'compression, encryption and a claim check compose',
    why: 'bodies are neither compressed nor encrypted; a signature and a claim check compose',
  },
  {
    id: 'G6',
    title: 'a wedged client is found and recreated',
    why: 'no backend with a client that can wedge',
  },
];
