import type { Parcel } from './rabbitmq.sending.js';

/** Frame types, and the method and class numbers of AMQP 0-9-1. */
const METHOD = 1;
const HEADER = 2;
const BODY = 3;
const END = 0xce;
const CLASS_BASIC = 60;
const BASIC_PUBLISH = (CLASS_BASIC << 16) | 40;
const MANDATORY = 1;
const PERSISTENT = 2;
/** Which properties follow, and in this order. */
const ENCODING_FLAG = 1 << 14;
const HEADERS_FLAG = 1 << 13;
const MODE_FLAG = 1 << 12;
const ID_FLAG = 1 << 7;

const PLAIN = new Set(['messageId', 'headers', 'persistent', 'mandatory', 'contentEncoding']);
/** Short texts are written with one byte for their length, and a character may take three bytes. */
const SHORT = 85;
const BYTES_OF_CHARACTER = 3;
/** Beyond its texts, more than a message and a header need. */
const AROUND_MESSAGE = 96;
const AROUND_HEADER = 16;

/**
 * Room that suffices for the frames of a message; undefined: it is none that `encodePublish` can write, since it has
 * other properties, headers that are neither texts nor whole numbers from 0 on, or more body than one frame takes.
 */
export function roomFor({ frame, address }: Parcel, frameMax: number): number | undefined {
  const { content, options } = frame;
  const { headers, messageId = '', contentEncoding = '' } = options;
  if (content.length > frameMax - AROUND_MESSAGE || !options.persistent || !options.mandatory)
    return undefined;
  for (const name in options) if (!PLAIN.has(name)) return undefined;
  const { exchange, routingKey } = address;
  if (exchange.length > SHORT || routingKey.length > SHORT || messageId.length > SHORT) return undefined;
  let characters = exchange.length + routingKey.length + messageId.length + contentEncoding.length;
  let around = AROUND_MESSAGE;
  for (const name in headers) {
    const value = headers[name];
    if (name.length > SHORT) return undefined;
    if (typeof value === 'string') characters += value.length;
    else if (!Number.isSafeInteger(value) || (value as number) < 0) return undefined;
    characters += name.length;
    around += AROUND_HEADER;
  }
  const room = around + BYTES_OF_CHARACTER * characters;
  return room > frameMax ? undefined : room + content.length;
}

/** Writes the frames of one message for which there is room. */
export function encodePublish(out: FrameBytes, channel: number, { frame, address }: Parcel): void {
  const { content, options } = frame;
  const method = out.begin(METHOD, channel);
  out.uint32(BASIC_PUBLISH);
  out.uint16(0);
  out.shortText(address.exchange);
  out.shortText(address.routingKey);
  out.uint8(MANDATORY);
  out.end(method);
  encodeHeader(out, channel, { options, bodyBytes: content.length });
  if (content.length === 0) return;
  const body = out.begin(BODY, channel);
  out.bytes(content);
  out.end(body);
}

interface Header {
  readonly options: Parcel['frame']['options'];
  readonly bodyBytes: number;
}

function encodeHeader(out: FrameBytes, channel: number, { options, bodyBytes }: Header): void {
  const { contentEncoding, headers, messageId } = options;
  const header = out.begin(HEADER, channel);
  out.uint32(CLASS_BASIC << 16);
  out.uint32(0);
  out.uint32(bodyBytes);
  const encoding = contentEncoding === undefined ? 0 : ENCODING_FLAG;
  out.uint16(encoding | HEADERS_FLAG | MODE_FLAG | (messageId === undefined ? 0 : ID_FLAG));
  if (contentEncoding !== undefined) out.shortText(contentEncoding);
  const table = out.beginLong();
  for (const name in headers) {
    out.shortText(name);
    out.value(headers[name] as string | number);
  }
  out.endLong(table);
  out.uint8(PERSISTENT);
  if (messageId !== undefined) out.shortText(messageId);
  out.end(header);
}

/** Bytes in the making. Whoever writes has made sure that there is room. */
export class FrameBytes {
  readonly #buffer: Buffer;
  #at = 0;

  constructor(room: number) {
    this.#buffer = Buffer.allocUnsafe(room);
  }

  get written(): Buffer {
    return this.#buffer.subarray(0, this.#at);
  }

  uint8(value: number): void {
    this.#buffer[this.#at++] = value;
  }

  uint16(value: number): void {
    this.#at = this.#buffer.writeUInt16BE(value, this.#at);
  }

  uint32(value: number): void {
    this.#at = this.#buffer.writeUInt32BE(value, this.#at);
  }

  bytes(value: Buffer): void {
    this.#at += value.copy(this.#buffer, this.#at);
  }

  shortText(text: string): void {
    const start = this.#at++;
    const bytes = this.#buffer.write(text, this.#at);
    this.#buffer[start] = bytes;
    this.#at += bytes;
  }

  /** Of a header, with its type. Numbers are written as small as the driver would: the broker compares types too. */
  value(value: string | number): void {
    if (typeof value === 'string') this.#longText(value);
    else if (value < 0x80) this.#tagged(TAG.int8).uint8(value);
    else if (value < 0x8000) this.#tagged(TAG.int16).uint16(value);
    else if (value < 0x80000000) this.#tagged(TAG.int32).uint32(value);
    else {
      this.#tagged(TAG.int64).uint32(Math.floor(value / 0x100000000));
      this.uint32(value % 0x100000000);
    }
  }

  #longText(text: string): void {
    const start = this.#tagged(TAG.text).beginLong();
    this.#at += this.#buffer.write(text, this.#at);
    this.endLong(start);
  }

  #tagged(tag: number): this {
    this.uint8(tag);
    return this;
  }

  /** Keeps room for a length; answers with its place. */
  beginLong(): number {
    const start = this.#at;
    this.#at += 4;
    return start;
  }

  endLong(start: number): void {
    this.#buffer.writeUInt32BE(this.#at - start - 4, start);
  }

  begin(type: number, channel: number): number {
    this.uint8(type);
    this.uint16(channel);
    return this.beginLong();
  }

  end(start: number): void {
    this.endLong(start);
    this.uint8(END);
  }
}

/** Types of values in a table, as letters. */
const TAG = Object.freeze({
  int8: 'b'.charCodeAt(0),
  int16: 's'.charCodeAt(0),
  int32: 'I'.charCodeAt(0),
  int64: 'l'.charCodeAt(0),
  text: 'S'.charCodeAt(0),
});
