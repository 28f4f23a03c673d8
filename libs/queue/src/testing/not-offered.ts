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
    why: 'cuts in the middle of frames are put to every broker, not one after each frame',
  },
  {
    id: 'I4',
    title: 'rights that are taken away give typed errors',
    why: 'wrong passwords and missing rights are typed at the start; none are taken away in the middle of a run yet',
  },
  {
    id: 'I5',
    title: 'a change of leader loses nothing',
    why: 'every broker is tested on one node; redis as it becomes a replica',
  },
  { id: 'M1', title: 'a schedule fires once across five nodes', why: SCHEDULES },
  { id: 'M2', title: 'a missed tick is made up for as the policy says', why: SCHEDULES },
  { id: 'M3', title: 'daylight saving time, both ways', why: SCHEDULES },
  { id: 'M4', title: 'the leader of a schedule is killed', why: SCHEDULES },
  { id: 'M5', title: 'catching up is bounded', why: SCHEDULES },
  {
    id: 'B7',
    title: 'settling across a reconnect is lost',
    why: 'each broker shows it in its own tests of faults, not yet as one law',
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
    id: 'J8',
    title: 'what a handler publishes is stored with its acknowledgement, or not at all',
    why: 'no backend has transactions of consuming and publishing; on sqlite both can join the one of the handler’s own',
  },
];
