import type { Message } from 'amqplib';
import fc from 'fast-check';
import type { FailureRecord } from '../../message/failure-record.js';
import { checkHeaders, NO_HEADERS } from '../../message/headers.js';
import type { Outgoing } from '../../message/outgoing.js';
import {
  bodyOf,
  copyOf,
  failuresOf,
  type Frame,
  frameOf,
  headerName,
  headersOf,
  WIRE,
  wireName,
} from './rabbitmq.wire.js';

const headerNames = fc.stringMatching(/^[A-Za-z0-9][A-Za-z0-9._-]{0,40}$/);
const hostile = fc.constantFrom(
  'CC',
  'bcc',
  'x-match',
  'X-Delivery-Count',
  'x-death',
  'constructor',
  'toString',
);
const names = fc.oneof(headerNames, hostile).filter((name) => !name.toLowerCase().startsWith('pp-'));
const bodies = fc.oneof(fc.string({ unit: 'binary' }).map(wellFormed), fc.uint8Array());

function wellFormed(text: string): string {
  return Buffer.from(text, 'utf8').toString('utf8');
}

function message(given: Partial<Outgoing> = {}): Outgoing {
  const none = { to: undefined, key: undefined, delayMs: undefined, ttlMs: undefined, event: undefined };
  return { topic: 'orders', id: 'm1', body: 'x', headers: NO_HEADERS, ...none, ...given };
}

/** What the broker would hand out of what was written. */
function arrived({ content, options }: Frame, more: Readonly<Record<string, unknown>> = {}): Message {
  const headers = { ...options.headers, ...more };
  const { messageId, contentEncoding } = options;
  const properties = { headers, messageId, contentEncoding };
  return { content, fields: { routingKey: 'orders' }, properties } as unknown as Message;
}

const failure = (attempt: number): FailureRecord => ({
  attempt,
  at: attempt,
  reason: 'handler_error',
  error: { name: 'Error', message: 'grüße 😀' },
  handler: 'A.b',
  host: 'h:1',
});

it('a name is on the wire what it is, or escaped, and comes back', () => {
  fc.assert(
    fc.property(names, (name) => {
      expect(headerName(wireName(name))).toBe(name);
    }),
  );
});

it.each(['CC', 'cc', 'BCC', 'x-match', 'X-Death', 'x-delivery-count'])(
  'a header %s of an application neither routes nor counts',
  (name) => {
    expect(wireName(name)).not.toMatch(/^(x-|cc$|bcc$)/i);
  },
);

it('headers and bodies come as they went, also in a copy of a copy', () => {
  fc.assert(
    fc.property(fc.dictionary(names, fc.stringMatching(/^[ -~äß€]{0,20}$/)), bodies, (headers, body) => {
      const first = arrived(frameOf(message({ headers: checkHeaders(headers), body }), 5, 'r1'));
      const past = { failed: 1, crashes: 0, failures: [failure(1)] };
      const second = arrived(copyOf(first, 'm1', past, { [WIRE.topic]: 'orders' }));
      const later = { ...past, failures: [...failuresOf(second), failure(2)] };
      const third = arrived(copyOf(second, 'm1', later, {}));
      for (const raw of [first, second, third]) {
        expect({ ...headersOf(raw) }).toEqual({ ...checkHeaders(headers) });
        expect(bodyOf(raw)).toEqual(body);
      }
      expect(failuresOf(first)).toEqual([]);
      expect(failuresOf(third)).toEqual([failure(1), failure(2)]);
    }),
  );
});

it('a copy forgets what the broker wrote on the original', () => {
  const broker = { 'x-death': [{ count: 3 }], 'x-delivery-count': 4, 'pp:b3': 1 };
  const raw = arrived(frameOf(message(), 5, 'r1'), broker);
  const { headers } = copyOf(raw, 'm1', { failed: 0, crashes: 4, failures: [] }, {}).options;
  expect(headers).toEqual({ [WIRE.publishedAt]: 5, [WIRE.ref]: 'r1', [WIRE.crashes]: 4 });
});

it('a handler that writes into its body does not change what the next attempt gets', () => {
  const raw = arrived(frameOf(message({ body: Uint8Array.of(1, 2) }), 5, 'r1'));
  (bodyOf(raw) as Uint8Array).fill(0);
  expect(bodyOf(raw)).toEqual(Uint8Array.of(1, 2));
});

it('keeps the newest failure records, and no more than are kept anywhere', () => {
  const failures = Array.from({ length: 14 }, (_, at) => failure(at + 1));
  const raw = arrived(
    copyOf(arrived(frameOf(message(), 5, 'r')), 'm1', { failed: 14, crashes: 0, failures }, {}),
  );
  expect(failuresOf(raw).map(({ attempt }) => attempt)).toEqual([5, 6, 7, 8, 9, 10, 11, 12, 13, 14]);
});
