import { deflateSync } from 'node:zlib';
import type { Body } from '../message/body.js';
import { delivery } from '../message/delivery.fixture.js';
import { checkHeaders, COMPRESSION_HEADER, NO_HEADERS, withHeaders } from '../message/headers.js';
import type { Outgoing } from '../message/outgoing.js';
import { BadCompressionError, Compression, type CompressionPolicy } from './compression.js';

const POLICY: CompressionPolicy = { algorithm: 'deflate', overBytes: 100, maxBytes: 1_000_000 };
const compression = (given: Partial<CompressionPolicy> = {}): Compression =>
  new Compression('main', { ...POLICY, ...given });

const message = (body: Body, given: Partial<Outgoing> = {}): Outgoing => ({
  topic: 'orders',
  to: undefined,
  id: 'm-1',
  key: undefined,
  body,
  headers: checkHeaders({ tenant: 'acme' }),
  delayMs: undefined,
  ttlMs: undefined,
  event: undefined,
  ...given,
});

const arrived = ({ id, topic, body, headers }: Outgoing) => delivery({ id, topic, body, headers });
const TEXT = '\ufeff"ü€😀" '.repeat(100);

describe('a compressed body', () => {
  it.each([
    ['deflate', TEXT],
    ['brotli', TEXT],
    ['deflate', Uint8Array.from({ length: 10_000 }, (_, at) => at % 7)],
    ['deflate', TEXT.repeat(100)],
    ['brotli', TEXT.repeat(100)],
  ] as const)('by %s is smaller on the broker, and comes as it was', async (algorithm, body) => {
    const sent = await compression({ algorithm }).out(message(body));
    expect((sent.body as Uint8Array).byteLength).toBeLessThan(body.length / 2);
    const came = await compression().in(arrived(sent));
    expect(came.body).toEqual(body);
    expect({ ...came.headers }).toEqual({ tenant: 'acme' });
  });

  it('of a small or a dense message stays as it is, at once', () => {
    const small = message('x'.repeat(100));
    expect(compression().out(small)).toBe(small);
    const dense = message(deflateSync(TEXT));
    expect(compression().out(dense)).toBe(dense);
    const plain = arrived(small);
    expect(compression().in(plain)).toBe(plain);
  });

  it('is refused when it is larger than it may be', () => {
    expect(() => compression({ maxBytes: 200 }).out(message('x'.repeat(201)))).toThrow('takes 201 bytes');
  });

  it('is carried on by a replay, and made anew of an edit, whoever brings the body', async () => {
    const sent = await compression().out(message(TEXT));
    const replay = { ...sent, to: 'work' };
    expect(await compression().out(replay)).toBe(replay);
    for (const [body, wanted] of [
      [sent.body, TEXT],
      ['y'.repeat(500), 'y'.repeat(500)],
    ] as const) {
      const edited = await compression({ algorithm: 'brotli' }).out({ ...replay, body, edited: true });
      expect(edited.headers[COMPRESSION_HEADER]).toMatch(/^1;brotli;text;/);
      expect((await compression().in(arrived(edited))).body).toBe(wanted);
    }
  });
});

describe('a body that cannot be inflated', () => {
  const bomb = deflateSync(Buffer.alloc(50_000_000));
  it.each<[string, string, Body]>([
    ['is noise', '1;deflate;text;500', 'noise'],
    ['is cut', '1;deflate;text;500', deflateSync('x'.repeat(500)).subarray(0, 5)],
    ['is longer than it says', '1;deflate;bytes;500', bomb],
    ['is longer than it says, in another thread', '1;deflate;bytes;70000', bomb],
    ['is shorter than it says', '1;deflate;bytes;501', deflateSync('x'.repeat(500))],
    ['says that it is larger than it may be', '1;deflate;bytes;50000000', bomb],
    ['was made in a way that nobody knows', '1;lzma;bytes;500', bomb],
    ['has a header that says nothing', 'gzip', bomb],
  ])('because it %s is broken, and takes no more memory than is allowed', async (_what, header, body) => {
    const sent = message(body, { headers: withHeaders(NO_HEADERS, { [COMPRESSION_HEADER]: header }) });
    const opened = async () => compression().in(arrived(sent));
    await expect(opened()).rejects.toThrow(BadCompressionError);
  });
});
