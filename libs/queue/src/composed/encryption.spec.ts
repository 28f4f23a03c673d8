import type { Body } from '../message/body.js';
import { delivery } from '../message/delivery.fixture.js';
import type { Delivery } from '../message/delivery.js';
import {
  checkHeaders,
  EDITED_FROM_HEADER,
  ENCRYPTION_HEADER,
  withHeaders,
  withoutHeader,
} from '../message/headers.js';
import type { Outgoing } from '../message/outgoing.js';
import { BadEncryptionError, Encryption, type EncryptionPolicy } from './encryption.js';

const OLD = { id: 'k1', secret: 'one'.repeat(20) };
const NEW = { id: 'k2', secret: Buffer.alloc(32, 7) };
const encryption = (given: Partial<EncryptionPolicy> = {}): Encryption =>
  new Encryption({ keys: [OLD, NEW], encrypt: 'k2', required: true, ...given });

const BODY = '{"iban":"DE02 1203","ü":"\ufeff"}';
const message = (given: Partial<Outgoing> = {}): Outgoing => ({
  topic: 'orders',
  to: undefined,
  id: 'm-1',
  key: 'o-1',
  body: BODY,
  headers: checkHeaders({ tenant: 'acme' }),
  delayMs: undefined,
  ttlMs: undefined,
  event: undefined,
  ...given,
});

const arrived = ({ id, topic, body, headers }: Outgoing, given: Partial<Delivery> = {}): Delivery =>
  delivery({ id, topic, body, headers, ...given });

function turned(body: Body): Body {
  const bytes = new Uint8Array(body as Uint8Array);
  bytes[0] = (bytes[0] as number) ^ 1;
  return bytes;
}

describe('an encrypted body', () => {
  const sent = encryption().out(message());

  it('cannot be read on the broker, is never the same twice, and comes as it was', () => {
    expect(Buffer.from(sent.body as Uint8Array).toString('latin1')).not.toContain('1203');
    expect(encryption().out(message()).body).not.toEqual(sent.body);
    const came = encryption().in(arrived(sent));
    expect([came.body, { ...came.headers }]).toEqual([BODY, { tenant: 'acme' }]);
  });

  it.each<[string, Body]>([
    ['no bytes', new Uint8Array(0)],
    ['any bytes', Uint8Array.from({ length: 300 }, (_, at) => at % 256)],
    ['no text', ''],
  ])('of %s comes as it was', (_what, body) => {
    expect(encryption().in(arrived(encryption().out(message({ body })))).body).toEqual(body);
  });

  it.each<[string, Partial<Delivery>]>([
    ['its bytes', { body: turned(sent.body) }],
    ['its length', { body: (sent.body as Uint8Array).subarray(1) }],
    ['the id', { id: 'm-2' }],
    ['the topic', { topic: 'refunds' }],
    ['the header', { headers: { [ENCRYPTION_HEADER]: '1;k2;text;;' } }],
    [
      'whether it is text',
      {
        headers: withHeaders(sent.headers, {
          [ENCRYPTION_HEADER]: (sent.headers[ENCRYPTION_HEADER] as string).replace('text', 'bytes'),
        }),
      },
    ],
  ])('is broken when somebody has changed %s, and the error says nothing of it', (_what, given) => {
    const open = (): unknown => encryption().in(arrived(sent, given));
    expect(open).toThrow(BadEncryptionError);
    expect(open).not.toThrow(/1203|oneone|AAAA/);
  });

  it('is read with any key that is known, and made with one', () => {
    const before = encryption({ encrypt: 'k1' }).out(message());
    expect(encryption().in(arrived(before)).body).toBe(BODY);
    expect(() => encryption({ keys: [NEW] }).in(arrived(before))).toThrow(
      'with the key "k1", which is not known here',
    );
  });

  it('must be there, unless that is said otherwise', () => {
    const plain = arrived(message());
    expect(() => encryption().in(plain)).toThrow('the message is not encrypted');
    expect(encryption({ required: false }).in(plain)).toBe(plain);
  });

  it('is carried on by a replay', () => {
    const replay = { ...sent, to: 'work' };
    expect(encryption().out(replay)).toBe(replay);
  });

  describe('that is edited', () => {
    const edit = (given: Partial<Outgoing>): Outgoing => {
      const headers = withHeaders(sent.headers, { [EDITED_FROM_HEADER]: 'm-1', tenant: 'other' });
      return { ...sent, id: 'm-2', headers, edited: true, to: 'work', ...given };
    };

    it.each<[string, Partial<Outgoing>, Body]>([
      ['keeps its body', {}, BODY],
      ['gets a text', { body: 'other' }, 'other'],
      ['gets bytes', { body: Uint8Array.of(1, 2, 3) }, Uint8Array.of(1, 2, 3)],
    ])('%s under its new id, and is encrypted anew', (_what, given, body) => {
      const made = encryption().out(edit(given));
      expect(made.body).not.toEqual(sent.body);
      expect(encryption().in(arrived(made)).body).toEqual(body);
    });

    it('stays where it is when nobody knows its key any more', () => {
      expect(() => encryption({ keys: [OLD], encrypt: 'k1' }).out(edit({}))).toThrow(BadEncryptionError);
    });
  });

  it('has a header that handlers never see, and nothing else is different', () => {
    const { body, headers, ...rest } = sent;
    const { body: _body, headers: before, ...plain } = message();
    expect(rest).toEqual(plain);
    expect({ ...withoutHeader(headers, ENCRYPTION_HEADER) }).toEqual({ ...before });
    expect(body).toBeInstanceOf(Uint8Array);
  });
});
