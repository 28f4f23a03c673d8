import fc from 'fast-check';
import { toBytes } from '../../message/body.js';
import { checkHeaders, NO_HEADERS } from '../../message/headers.js';
import { readName } from './redis.delivery.js';
import { readRecord, recordOf } from './redis.wire.js';

const id = fc.stringMatching(/^[A-Za-z0-9][A-Za-z0-9._:@/+=-]{0,127}$/);
const topic = fc.stringMatching(/^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$/);
const key = fc.option(fc.string({ unit: 'binary', minLength: 1 }), { nil: undefined });
const headers = fc.dictionary(topic, fc.string({ unit: 'grapheme' }).map(printable)).map(checkHeaders);
const body = fc.oneof(fc.string({ unit: 'binary' }), fc.uint8Array());

/** As the server hands it out. */
function stored(record: string | Buffer): Buffer {
  return Buffer.concat([Buffer.from('1732200000000;'), Buffer.from(record as string)]);
}

function printable(text: string): string {
  return text.replace(/\p{Cc}/gu, '');
}

describe('the record of a message', () => {
  it('comes back as it went, whatever it holds', () => {
    fc.assert(
      fc.property(fc.record({ id, topic, key, headers, body }), (message) => {
        const found = readRecord(stored(recordOf(message)));
        expect({ ...found, headers: { ...found.headers }, body: [...toBytes(found.body)] }).toEqual({
          ...message,
          headers: { ...message.headers },
          body: [...toBytes(message.body)],
          publishedAt: 1_732_200_000_000,
        });
        expect(typeof found.body).toBe(typeof message.body);
      }),
    );
  });

  it('holds no JSON when there is neither a key nor a header', () => {
    const record = recordOf({ id: 'm1', topic: 'orders', key: undefined, headers: NO_HEADERS, body: '{}' });
    expect(record).toBe('tm1\norders\n\n{}');
  });

  it('hands out bytes that share no memory with those of others', () => {
    const message = {
      id: 'm1',
      topic: 'orders',
      key: undefined,
      headers: NO_HEADERS,
      body: Uint8Array.of(1, 2),
    };
    const bytes = stored(recordOf(message));
    const found = readRecord(bytes);
    bytes.fill(0);
    expect(found.body).toEqual(Uint8Array.of(1, 2));
  });
});

describe('the name of a claimed copy', () => {
  it('is a number alone when the message is plain and new', () => {
    expect(readName('1000000000007')).toEqual({
      ref: '1000000000007',
      deliveries: 1,
      failures: 0,
      releases: 0,
      priority: undefined,
      expiresAt: undefined,
    });
  });

  it('tells what happened before, the level of the score, and when the message ends', () => {
    expect(readName('1000000000007 4 1 2 201000000000007 1732200060000')).toEqual({
      ref: '1000000000007',
      deliveries: 4,
      failures: 1,
      releases: 2,
      priority: 7,
      expiresAt: 1_732_200_060_000,
    });
  });
});
