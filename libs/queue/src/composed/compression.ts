import { promisify } from 'node:util';
import {
  brotliCompress,
  brotliCompressSync,
  brotliDecompress,
  brotliDecompressSync,
  constants,
  deflate,
  deflateSync,
  inflate,
  inflateSync,
} from 'node:zlib';
import { PayloadTooLargeError } from '../backend/backend.errors.js';
import { type Body, byteLength, toBytes } from '../message/body.js';
import { changedDelivery, type Delivery } from '../message/delivery.js';
import { COMPRESSION_HEADER, type Headers, withHeaders, withoutHeader } from '../message/headers.js';
import type { Outgoing } from '../message/outgoing.js';
import { BrokenMessageError, type MessageTransform } from './transformed.backend.js';

export type CompressionAlgorithm = keyof typeof ALGORITHMS;

export interface CompressionPolicy {
  readonly algorithm: CompressionAlgorithm;
  /** Bodies of more bytes than this are compressed. */
  readonly overBytes: number;
  /** Largest body before it is compressed, and after it was inflated. */
  readonly maxBytes: number;
}

/** The body cannot be inflated to what it was, or would be larger than it may be. */
export class BadCompressionError extends BrokenMessageError {
  readonly code = 'bad_compression';
  readonly reason = 'bad_compression';
}

interface Algorithm {
  readonly make: (bytes: Uint8Array) => Uint8Array | Promise<Uint8Array>;
  readonly undo: (bytes: Uint8Array, made: Made) => Uint8Array | Promise<Uint8Array>;
}

/** What the header says of a compressed body. */
interface Made {
  readonly algorithm: CompressionAlgorithm;
  readonly kind: 'text' | 'bytes';
  /** Of the body as it was. */
  readonly bytes: number;
}

/** Above, the work is done by another thread, and the publish waits for it. */
const LONG_WORK_BYTES = 65_536;
/** Fast, and hardly larger than the best. */
const BROTLI = { params: { [constants.BROTLI_PARAM_QUALITY]: 4 } };

const later = {
  deflate: promisify(deflate),
  inflate: promisify(inflate),
  brotliCompress: promisify(brotliCompress),
  brotliDecompress: promisify(brotliDecompress),
};

const ALGORITHMS = {
  deflate: {
    make: (bytes) => (isLong(bytes.byteLength) ? awaited(later.deflate(bytes)) : deflateSync(bytes)),
    undo: (bytes, made) =>
      isLong(made.bytes) ? awaited(later.inflate(bytes, limit(made))) : inflateSync(bytes, limit(made)),
  },
  brotli: {
    make: (bytes) =>
      isLong(bytes.byteLength)
        ? awaited(later.brotliCompress(bytes, BROTLI))
        : brotliCompressSync(bytes, BROTLI),
    undo: (bytes, made) =>
      isLong(made.bytes)
        ? awaited(later.brotliDecompress(bytes, limit(made)))
        : brotliDecompressSync(bytes, limit(made)),
  },
} satisfies Record<string, Algorithm>;

/** A Promise of this realm, which is known by its class. */
async function awaited(work: Promise<Uint8Array>): Promise<Uint8Array> {
  return work;
}

export const COMPRESSION_ALGORITHMS = Object.freeze(
  Object.keys(ALGORITHMS),
) as readonly CompressionAlgorithm[];

const HEADER = /^1;([a-z]{1,16});(text|bytes);(\d{1,15})$/;

/** Large bodies are compressed on their way to the broker. A retry and a replay carry them on as they are. */
export class Compression implements MessageTransform {
  readonly name = 'the inflating of its body';

  constructor(
    private readonly backend: string,
    private readonly policy: CompressionPolicy,
  ) {}

  out(message: Outgoing): Outgoing | Promise<Outgoing> {
    const given = message.headers[COMPRESSION_HEADER];
    if (given === undefined) return this.#compressed(message);
    if (message.edited !== true) return message;
    const inflated = this.#reopened(message, given);
    return inflated instanceof Promise
      ? inflated.then((body) => this.#compressed(uncompressed(message, body)))
      : this.#compressed(uncompressed(message, inflated));
  }

  in(delivery: Delivery): Delivery | Promise<Delivery> {
    const given = delivery.headers[COMPRESSION_HEADER];
    if (given === undefined) return delivery;
    const restored = (body: Body): Delivery => {
      const headers = withoutHeader(delivery.headers, COMPRESSION_HEADER);
      return changedDelivery(delivery, { body, headers, event: undefined });
    };
    const inflated = this.#inflated(delivery.body, given);
    return inflated instanceof Promise ? inflated.then(restored) : restored(inflated);
  }

  #compressed(message: Outgoing): Outgoing | Promise<Outgoing> {
    const { algorithm, overBytes, maxBytes } = this.policy;
    const bytes = byteLength(message.body);
    if (bytes <= overBytes) return message;
    if (bytes > maxBytes) throw new PayloadTooLargeError(this.backend, bytes, maxBytes);
    const kind = typeof message.body === 'string' ? 'text' : 'bytes';
    const header = `1;${algorithm};${kind};${bytes}`;
    const made = ALGORITHMS[algorithm].make(toBytes(message.body));
    return made instanceof Promise
      ? made.then((body) => smaller(message, body, header))
      : smaller(message, made, header);
  }

  /** Of an edit: its body may be one of the editor's own, or still the compressed one. */
  #reopened({ body }: Outgoing, given: string): Body | Promise<Body> {
    const asGiven = (error: unknown): Body => {
      if (error instanceof BadCompressionError) return body;
      throw error;
    };
    try {
      const inflated = this.#inflated(body, given);
      return inflated instanceof Promise ? inflated.catch(asGiven) : inflated;
    } catch (error) {
      return asGiven(error);
    }
  }

  /** Throws, or rejects with, BadCompressionError. */
  #inflated(body: Body, given: string): Body | Promise<Body> {
    const made = parse(given);
    if (made.bytes > this.policy.maxBytes) {
      throw new BadCompressionError(
        `its body says that it has ${made.bytes} bytes, ${this.policy.maxBytes} are allowed: raise maxBytes of its compression`,
      );
    }
    try {
      const undone = ALGORITHMS[made.algorithm].undo(toBytes(body), made);
      if (!(undone instanceof Promise)) return wholeOf(undone, made);
      return undone.then((bytes) => wholeOf(bytes, made), unreadable);
    } catch (error) {
      return unreadable(error);
    }
  }
}

/** One byte of room for nothing: what is declared is what comes, or an error. */
function limit({ bytes }: Made): { readonly maxOutputLength: number } {
  return { maxOutputLength: Math.max(1, bytes) };
}

function isLong(bytes: number): boolean {
  return bytes > LONG_WORK_BYTES;
}

function smaller(message: Outgoing, body: Uint8Array, header: string): Outgoing {
  if (body.byteLength >= byteLength(message.body)) return message;
  const headers: Headers = withHeaders(message.headers, { [COMPRESSION_HEADER]: header });
  return { ...message, body, headers, event: undefined };
}

function uncompressed(message: Outgoing, body: Body): Outgoing {
  const headers = withoutHeader(message.headers, COMPRESSION_HEADER);
  return { ...message, body, headers, event: undefined };
}

function wholeOf(bytes: Uint8Array, made: Made): Body {
  if (bytes.byteLength !== made.bytes) {
    throw new BadCompressionError('its body does not have the length that it says');
  }
  return made.kind === 'text' ? Buffer.from(bytes).toString('utf8') : new Uint8Array(bytes);
}

/** What the inflater says may hold nothing of the body, and helps nobody. */
function unreadable(error: unknown): never {
  if (error instanceof BadCompressionError) throw error;
  throw new BadCompressionError('its body cannot be inflated to what it says that it is');
}

function parse(text: string): Made {
  const [, algorithm, kind, bytes] = HEADER.exec(text) ?? [];
  const known = COMPRESSION_ALGORITHMS.find((name) => name === algorithm);
  if (known === undefined) throw new BadCompressionError('how its body was compressed cannot be read');
  return { algorithm: known, kind: kind as Made['kind'], bytes: Number(bytes) };
}
