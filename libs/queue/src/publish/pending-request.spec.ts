import type { Reply } from '../message/reply.js';
import { PendingRequest } from './pending-request.js';

const value = (seq: number): Reply => ({ kind: 'value', seq, value: seq });
const last = (seq: number): Reply => ({ kind: 'last', seq, value: seq });

function pending(): { request: PendingRequest; got: number[] } {
  const got: number[] = [];
  return { request: new PendingRequest(({ seq }) => got.push(seq)), got };
}

describe('a request that waits', () => {
  it('gets the parts of a stream in order, whatever order they came in', () => {
    const { request, got } = pending();
    for (const part of [value(2), value(0), last(3), value(1)]) expect(request.take(part)).toBe(true);
    expect(got).toEqual([0, 1, 2, 3]);
    expect(request.isDone).toBe(true);
  });

  it('drops what it has had, what waits already, and whatever comes after the end', () => {
    const { request, got } = pending();
    expect([value(0), value(0), value(2), value(2)].map((part) => request.take(part))).toEqual([
      true,
      false,
      true,
      false,
    ]);
    request.take({ kind: 'failure', seq: 1, failure: { reason: 'rejected' } });
    expect(request.take(last(3))).toBe(false);
    expect(got).toEqual([0, 1]);
  });
});
