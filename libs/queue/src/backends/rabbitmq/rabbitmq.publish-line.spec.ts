import type { ConfirmChannel } from 'amqplib';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { PublishLine } from './rabbitmq.publish-line.js';
import type { Parcel } from './rabbitmq.sending.js';

const CHANNEL = 7;
const FRAME_MAX = 4_096;

interface Encoder {
  readonly encodeMethod: (method: number, channel: number, fields: object) => Buffer;
  readonly encodeProperties: (
    properties: number,
    channel: number,
    bodyBytes: number,
    fields: object,
  ) => Buffer;
  readonly BasicPublish: number;
  readonly BasicProperties: number;
}

/** Its own writers, which it does not offer to others. */
const load = createRequire(import.meta.url);
const inside = (file: string): unknown => load(join(dirname(load.resolve('amqplib')), 'lib', file));
const driver = inside('defs.js') as Encoder;
const { makeBodyFrame } = inside('frame.js') as {
  readonly makeBodyFrame: (channel: number, content: Buffer) => Buffer;
};

/** A channel of the driver, as far as it is written to. */
class Slot {
  readonly pieces: Buffer[] = [];
  readonly published: string[] = [];
  isRoomLeft = true;
  readonly line: PublishLine;

  constructor(isKnown = true) {
    const write = (piece: Buffer): boolean => {
      this.pieces.push(piece);
      return this.isRoomLeft;
    };
    const channels = Array.from({ length: CHANNEL + 1 }, () => ({ buffer: { write } }));
    const inside = isKnown ? { ch: CHANNEL, connection: { frameMax: FRAME_MAX, channels } } : {};
    const publish = (_exchange: string, routingKey: string): boolean => {
      this.published.push(`${routingKey} after ${this.pieces.length}`);
      return this.isRoomLeft;
    };
    this.line = new PublishLine({ ...inside, publish } as unknown as ConfirmChannel);
  }
}

type Given = Partial<Parcel['frame']['options']> & {
  readonly content?: string;
  readonly routingKey?: string;
};

function parcel({ content = 'body', routingKey = 'order.created', ...options }: Given = {}): Parcel {
  const whole = { messageId: 'm-1', headers: {}, persistent: true, mandatory: true, ...options };
  const address = { exchange: 'shop.topics', routingKey };
  return { frame: { content: Buffer.from(content), options: whole }, address };
}

/** What the driver would have written. */
function driven({ frame: { content, options }, address }: Parcel): Buffer {
  const fields = { ...address, mandatory: true, immediate: false };
  const { messageId, contentEncoding, headers } = options;
  const properties = { messageId, contentEncoding, headers, deliveryMode: 2 };
  return Buffer.concat([
    driver.encodeMethod(driver.BasicPublish, CHANNEL, fields),
    driver.encodeProperties(driver.BasicProperties, CHANNEL, content.length, properties),
    content.length === 0 ? Buffer.alloc(0) : makeBodyFrame(CHANNEL, content),
  ]);
}

describe('the line of publishes to a RabbitMQ channel', () => {
  it.each<[string, Given]>([
    ['a plain message', {}],
    ['one without a body', { content: '' }],
    ['text', { contentEncoding: 'utf-8', content: 'grüße €' }],
    ['headers', { headers: { 'pp:ref': 'r.1', tenant: 'Zoë', empty: '' } }],
    ['numbers of every size', { headers: { a: 0, b: 127, c: 128, d: 32_767, e: 32_768, f: 2 ** 31 - 1 } }],
    ['large numbers', { headers: { a: 2 ** 31, b: 1_795_287_778_504, c: Number.MAX_SAFE_INTEGER } }],
    ['a name that takes all its room', { routingKey: '€'.repeat(85), messageId: '漢'.repeat(85) }],
    ['half a character', { messageId: '\ud800x', headers: { x: '\udc00' } }],
  ])('writes %s as the driver would', (_what, given) => {
    const slot = new Slot();
    const given_ = parcel(given);
    slot.line.write(given_);
    expect(slot.pieces).toEqual([]);
    expect(slot.line.flush()).toBe(true);
    expect(slot.pieces.map((piece) => piece.toString('hex'))).toEqual([driven(given_).toString('hex')]);
    expect(slot.published).toEqual([]);
  });

  it('joins what is written until it is flushed, in its order', () => {
    const slot = new Slot();
    const parcels = ['a', 'b', 'c'].map((content) => parcel({ content }));
    for (const each of parcels) slot.line.write(each);
    slot.line.flush();
    expect(slot.pieces).toEqual([Buffer.concat(parcels.map(driven))]);
    slot.line.flush();
    expect(slot.pieces).toHaveLength(1);
  });

  it.each<[string, Given]>([
    ['a larger body than one frame takes', { content: 'x'.repeat(FRAME_MAX) }],
    ['another property', { priority: 3 } as Given],
    ['a message that nobody need get', { mandatory: false }],
    ['a header that is no text', { headers: { at: -1 } }],
    ['a fraction', { headers: { at: 0.5 } }],
    ['a long id', { messageId: 'x'.repeat(86) }],
    [
      'many headers',
      { headers: Object.fromEntries(Array.from({ length: 16 }, (_, at) => [`h${at}`, 'x'.repeat(90)])) },
    ],
  ])('leaves %s to the driver, in its place', (_what, given) => {
    const slot = new Slot();
    slot.line.write(parcel());
    slot.line.write(parcel({ ...given, routingKey: 'odd' }));
    slot.line.write(parcel());
    slot.line.flush();
    expect(slot.published).toEqual(['odd after 1']);
    expect(slot.pieces).toHaveLength(2);
  });

  it('joins no more than a piece', () => {
    const slot = new Slot();
    for (let at = 0; at < 100; at++) slot.line.write(parcel({ content: 'x'.repeat(3_000) }));
    slot.line.flush();
    expect(slot.pieces.length).toBeGreaterThan(2);
    expect(Math.max(...slot.pieces.map(({ length }) => length))).toBeLessThanOrEqual(128 * 1024);
  });

  it('says when the driver has no room left, once', () => {
    const slot = new Slot();
    slot.isRoomLeft = false;
    slot.line.write(parcel());
    expect(slot.line.flush()).toBe(false);
    expect(slot.line.flush()).toBe(true);
    slot.line.write(parcel({ priority: 1 } as Given));
    expect(slot.line.flush()).toBe(false);
  });

  it('leaves everything to a driver that it does not know', () => {
    const slot = new Slot(false);
    slot.line.write(parcel());
    slot.line.flush();
    expect([slot.published, slot.pieces]).toEqual([['order.created after 0'], []]);
  });
});
