import { createCipheriv, createDecipheriv, hkdfSync, randomBytes } from 'node:crypto';
import { type Body, toBytes } from '../message/body.js';
import { changedDelivery, type Delivery } from '../message/delivery.js';
import { EDITED_FROM_HEADER, ENCRYPTION_HEADER, withHeaders, withoutHeader } from '../message/headers.js';
import type { Outgoing } from '../message/outgoing.js';
import { BrokenMessageError, type MessageTransform } from './transformed.backend.js';

export interface EncryptionKey {
  /** Travels with every message: letters, digits, `.`, `_` and `-`. */
  readonly id: string;
  /** At least 32 bytes; the key itself is derived from it. */
  readonly secret: string | Uint8Array;
}

export interface EncryptionPolicy {
  /** Any of them decrypts. */
  readonly keys: readonly EncryptionKey[];
  /** Id of the one that encrypts. */
  readonly encrypt: string;
  /** Whether what is not encrypted is dead. */
  readonly required: boolean;
}

/** The body cannot be decrypted to what was sent under this id. Nobody has looked into it. */
export class BadEncryptionError extends BrokenMessageError {
  readonly code = 'bad_encryption';
  readonly reason = 'bad_encryption';
}

type Encrypted = Pick<Outgoing, 'id' | 'topic' | 'body' | 'headers'>;

/** What the header says of an encrypted body. */
interface Sealing {
  readonly key: string;
  readonly kind: 'text' | 'bytes';
  readonly nonce: Uint8Array;
  readonly tag: Uint8Array;
}

const CIPHER = 'aes-256-gcm';
const NONCE_BYTES = 12;
const TAG_BYTES = 16;
const HEADER = /^1;([\w.-]{1,64});(text|bytes);([\w-]{16});([\w-]{22})$/;

/**
 * AES-256-GCM over the body, bound to the id and the topic of its message. A retry and a replay carry it on as it is; an
 * edit is encrypted anew.
 */
export class Encryption implements MessageTransform {
  readonly name = 'the decryption of its body';
  readonly #keys: ReadonlyMap<string, Buffer>;

  constructor(private readonly policy: EncryptionPolicy) {
    this.#keys = new Map(policy.keys.map(({ id, secret }) => [id, derived(secret)]));
  }

  out(message: Outgoing): Outgoing {
    if (message.headers[ENCRYPTION_HEADER] === undefined) return this.#encrypted(message);
    return message.edited === true ? this.#encrypted(this.#reopened(message)) : message;
  }

  in(delivery: Delivery): Delivery {
    if (delivery.headers[ENCRYPTION_HEADER] !== undefined) {
      const headers = withoutHeader(delivery.headers, ENCRYPTION_HEADER);
      return changedDelivery(delivery, { body: this.#decrypted(delivery), headers, event: undefined });
    }
    if (!this.policy.required) return delivery;
    throw new BadEncryptionError('the message is not encrypted');
  }

  #encrypted(message: Outgoing): Outgoing {
    const { encrypt: key } = this.policy;
    const { id, topic, body } = message;
    const kind = typeof body === 'string' ? 'text' : 'bytes';
    const nonce = randomBytes(NONCE_BYTES);
    const cipher = createCipheriv(CIPHER, this.#keyOf(key), nonce);
    cipher.setAAD(boundTo({ id, topic }, key, kind));
    const sealed = Buffer.concat([cipher.update(toBytes(body)), cipher.final()]);
    const parts = [1, key, kind, nonce.toString('base64url'), cipher.getAuthTag().toString('base64url')];
    const headers = withHeaders(message.headers, { [ENCRYPTION_HEADER]: parts.join(';') });
    return { ...message, body: new Uint8Array(sealed), headers, event: undefined };
  }

  /** An edit has a new id, and a body of the editor's own or still the encrypted one. Text was never encrypted. */
  #reopened(message: Outgoing): Outgoing {
    const { headers, body } = message;
    const plain = { ...message, body, headers: withoutHeader(headers, ENCRYPTION_HEADER) };
    if (typeof body === 'string') return plain;
    this.#keyOf(parse(headers).key);
    const before = { ...message, id: headers[EDITED_FROM_HEADER] ?? message.id };
    try {
      return { ...plain, body: this.#decrypted(before) };
    } catch (error) {
      if (error instanceof BadEncryptionError) return plain;
      throw error;
    }
  }

  /** Throws BadEncryptionError, which says nothing of key or body. */
  #decrypted({ id, topic, body, headers }: Encrypted): Body {
    const { key, kind, nonce, tag } = parse(headers);
    const decipher = createDecipheriv(CIPHER, this.#keyOf(key), nonce, { authTagLength: TAG_BYTES });
    decipher.setAAD(boundTo({ id, topic }, key, kind));
    decipher.setAuthTag(tag);
    try {
      const plain = Buffer.concat([decipher.update(toBytes(body)), decipher.final()]);
      return kind === 'text' ? plain.toString('utf8') : new Uint8Array(plain);
    } catch {
      throw new BadEncryptionError('the body is not the one that was encrypted for this message');
    }
  }

  #keyOf(id: string): Buffer {
    const key = this.#keys.get(id);
    if (key !== undefined) return key;
    throw new BadEncryptionError(`the message is encrypted with the key "${id}", which is not known here`);
  }
}

/** A secret is a text or bytes of any length; the cipher takes 32 bytes. */
function derived(secret: string | Uint8Array): Buffer {
  return Buffer.from(hkdfSync('sha256', secret, '', 'pigeonpost body encryption 1', 32));
}

/** Authenticated beside the body: it is that of this message, and of no other. */
function boundTo({ id, topic }: Pick<Encrypted, 'id' | 'topic'>, key: string, kind: Sealing['kind']): Buffer {
  return Buffer.from(JSON.stringify([1, key, kind, id, topic]), 'utf8');
}

function parse(headers: Outgoing['headers']): Sealing {
  const [, key, kind, nonce, tag] = HEADER.exec(headers[ENCRYPTION_HEADER] ?? '') ?? [];
  if (key === undefined || nonce === undefined || tag === undefined) {
    throw new BadEncryptionError('how its body was encrypted cannot be read');
  }
  const bytes = (text: string): Buffer => Buffer.from(text, 'base64url');
  return { key, kind: kind as Sealing['kind'], nonce: bytes(nonce), tag: bytes(tag) };
}
