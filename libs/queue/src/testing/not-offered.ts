import type { NotOffered } from './law.js';

const SCHEDULES = 'schedules belong to @pigeonpost/tasks, which is empty so far';

/** Promises of the contract that are not made yet. Each is listed with every run, so that nothing is missing unseen. */
export const NOT_OFFERED: readonly NotOffered[] = [
  {
    id: 'F4',
    title: 'a subscription that is given up gets no more copies',
    why: 'no verb removes a durable subscription; ephemeral ones go by themselves',
  },
  {
    id: 'I2',
    title: 'a cut after each frame of the protocol',
    why: 'no backend speaks a protocol over a wire',
  },
  { id: 'I3', title: 'a half-open connection is found', why: 'no backend with a connection' },
  {
    id: 'I4',
    title: 'rights that are taken away give typed errors',
    why: 'no backend with users and rights',
  },
  { id: 'I5', title: 'a change of leader loses nothing', why: 'no backend with leaders' },
  {
    id: 'I6',
    title: 'topology that is deleted underneath is noticed',
    why: 'no backend that others administer',
  },
  {
    id: 'I8',
    title: 'a broker that is full refuses, and goes on when there is room',
    why: 'a full disk needs a file system of its own; a queue that is full by its own limit refuses at once',
  },
  { id: 'M1', title: 'a schedule fires once across five nodes', why: SCHEDULES },
  { id: 'M2', title: 'a missed tick is made up for as the policy says', why: SCHEDULES },
  { id: 'M3', title: 'daylight saving time, both ways', why: SCHEDULES },
  { id: 'M4', title: 'the leader of a schedule is killed', why: SCHEDULES },
  { id: 'M5', title: 'catching up is bounded', why: SCHEDULES },
  {
    id: 'B7',
    title: 'settling across a reconnect is lost',
    why: 'no backend with a connection that can break underneath',
  },
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
    id: 'J8',
    title: 'what a handler publishes is stored with its acknowledgement, or not at all',
    why: 'no backend has transactions of consuming and publishing; on sqlite both can join the one of the handler’s own',
  },
];
