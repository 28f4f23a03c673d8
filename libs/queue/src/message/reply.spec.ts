import { NO_HEADERS, withHeaders } from './headers.js';
import {
  readReply,
  replyAddress,
  replyData,
  replyDeadline,
  replyHeaders,
  requestHeaders,
  type Reply,
} from './reply.js';

const ADDRESS = { topic: 'pp.reply.0190-a', ref: '7z' };
const withAddress = (topic: string, ref: string) =>
  withHeaders(NO_HEADERS, requestHeaders({ topic, ref }, 0));

describe('the address of a reply', () => {
  it('comes back from the headers as it was', () => {
    const headers = withHeaders(NO_HEADERS, requestHeaders(ADDRESS, 1_234.9));
    expect(replyAddress(headers)).toEqual(ADDRESS);
    expect(replyDeadline(headers)).toBe(1_234);
    expect(replyAddress(NO_HEADERS)).toBeUndefined();
    expect(replyDeadline(NO_HEADERS)).toBeUndefined();
  });

  it.each([
    ['order.placed', '1'],
    ['pp.reply.', '1'],
    ['pp.reply.a/b', '1'],
    ['pp.reply.a', ''],
    ['pp.reply.a', 'x'.repeat(65)],
    [`pp.reply.${'a'.repeat(120)}`, '1'],
  ])('is none when it was forged: %s %s', (topic, ref) => {
    expect(replyAddress(withAddress(topic, ref))).toBeUndefined();
  });
});

describe('a reply', () => {
  const replies: readonly Reply[] = [
    { kind: 'value', seq: 0, value: { a: 1 } },
    { kind: 'last', seq: 12, value: null },
    { kind: 'end', seq: 3 },
    { kind: 'failure', seq: 0, failure: { reason: 'rejected', code: 'rejected', message: 'no' } },
  ];
  it.each(replies)('comes back as it was: $kind', (reply) => {
    const headers = withHeaders(NO_HEADERS, replyHeaders('7z', reply));
    expect(readReply(headers, replyData(reply))).toEqual({ ref: '7z', reply });
  });

  it.each([
    {},
    { 'pp-reply-ref': '1', 'pp-reply-kind': 'maybe', 'pp-reply-seq': '0' },
    { 'pp-reply-ref': '1', 'pp-reply-kind': 'last', 'pp-reply-seq': '-1' },
    { 'pp-reply-ref': '1', 'pp-reply-kind': 'last' },
  ])('is none without its headers: %j', (headers) => {
    expect(readReply(withHeaders(NO_HEADERS, headers as Record<string, string>), 1)).toBeUndefined();
  });

  it('of a failure that cannot be read is a failure all the same', () => {
    const headers = withHeaders(NO_HEADERS, replyHeaders('1', { kind: 'end', seq: 0 }));
    const failed = withHeaders(headers, { 'pp-reply-kind': 'failure' });
    expect(readReply(failed, 'gibberish')?.reply).toMatchObject({ failure: { reason: 'handler_error' } });
  });
});
