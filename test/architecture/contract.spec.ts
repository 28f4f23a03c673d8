import { ALL_LAWS, NOT_OFFERED, SHOWN_ELSEWHERE } from '@pigeonpost/queue/testing';

/** How many promises each group of the contract has: publish, settle, retry and delay, dead letters, order, fan-out, leases,
 * flow and shutdown, faults, deduplication and transactions, envelope, administration, schedules, the suite itself, and stores. */
const CONTRACT = {
  A: 11,
  B: 14,
  C: 12,
  D: 17,
  E: 13,
  F: 9,
  G: 9,
  H: 12,
  I: 9,
  J: 9,
  K: 6,
  L: 3,
  M: 5,
  N: 5,
  O: 7,
};

const promises = Object.entries(CONTRACT).flatMap(([group, count]) =>
  Array.from({ length: count }, (_, at) => `${group}${at + 1}`),
);

/** `H2a` is a part of promise `H2`. */
const promiseOf = (id: string): string => id.replace(/[a-z]+$/, '');

describe('the contract', () => {
  it('is missing nowhere: a law keeps each promise, something else shows it, or it is said not to be offered', () => {
    const answered = new Set(
      [...ALL_LAWS, ...SHOWN_ELSEWHERE, ...NOT_OFFERED].map(({ id }) => promiseOf(id)),
    );
    expect(promises.filter((promise) => !answered.has(promise))).toEqual([]);
  });

  it('says of no promise that it is kept and that it is not offered', () => {
    const kept = new Set([...ALL_LAWS, ...SHOWN_ELSEWHERE].map(({ id }) => id));
    expect(NOT_OFFERED.filter(({ id }) => kept.has(id))).toEqual([]);
  });
});
