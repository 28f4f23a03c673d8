import { createHmac, timingSafeEqual } from 'node:crypto';
import type { Clock } from '../ambient/clock.js';
import type { Body } from '../message/body.js';
import type { Delivery } from '../message/delivery.js';
import { type Headers, REPLAY_COUNT_HEADER, SIGNATURE_HEADER, withHeaders } from '../message/headers.js';
import type { Outgoing } from '../message/outgoing.js';
import { BrokenMessageError, type MessageTransform } from './transformed.backend.js';

/** Shortest secret, in bytes of UTF-8 or of its own: as long as what HMAC-SHA-256 gives. */
export const MIN_SECRET_BYTES = 32;

export interface SigningKey {
  /** Travels with every message: letters, digits, `.`, `_` and `-`. */
  readonly id: string;
  readonly secret: string | Uint8Array;
}

export interface SigningPolicy {
  /** Any of them verifies. */
  readonly keys: readonly SigningKey[];
  /** Id of the one that signs. */
  readonly sign: string;
  /** Whether what has no signature is dead. */
  readonly required: boolean;
  /** A signature is taken for this long, at the first attempt; undefined: for ever. */
  readonly maxAgeMs: number | undefined;
}

/** Who wrote the message is not known, or it is not what they wrote. Nobody has looked into it. */
export class BadSignatureError extends BrokenMessageError {
  readonly code = 'bad_signature';
  readonly reason = 'bad_signature';
}

type Signed = Pick<Outgoing, 'id' | 'topic' | 'key' | 'body' | 'headers'>;

interface Signature {
  readonly key: string;
  readonly at: number;
  readonly mac: string;
}

const SIGNATURE = /^1;([\w.-]{1,64});(\d{1,15});([\w-]{43})$/;
/** Clocks of two hosts may differ by this. */
const SKEW_MS = 300_000;

/**
 * HMAC-SHA-256 over id, topic, key, headers, time and body. A retry and a replay carry the signature on; a replay is
 * verified and signed anew, so that nothing forged becomes genuine on its way through the dead letters.
 */
export class Signing implements MessageTransform {
  readonly name = 'the check of its signature';

  constructor(
    private readonly policy: SigningPolicy,
    private readonly clock: Clock,
  ) {}

  out(message: Outgoing): Outgoing {
    const { maxAgeMs } = this.policy;
    if (wasSealed(message)) this.#check(message);
    if (maxAgeMs !== undefined && (message.delayMs ?? 0) >= maxAgeMs) {
      throw new BadSignatureError(
        `a signature is taken for ${maxAgeMs} ms, and the message is to wait for ${message.delayMs} ms: raise maxAge`,
      );
    }
    const at = this.clock.now();
    const { sign: key } = this.policy;
    const text = `1;${key};${at};${this.#mac(message, key, at) as string}`;
    return {
      ...message,
      body: message.body,
      headers: withHeaders(message.headers, { [SIGNATURE_HEADER]: text }),
    };
  }

  /** Verified and signed anew, as every replay is. */
  revived(message: Outgoing): Headers {
    return this.out(message).headers;
  }

  in(delivery: Delivery): Delivery {
    const signature = this.#check(delivery);
    const { maxAgeMs } = this.policy;
    if (signature !== undefined && maxAgeMs !== undefined && delivery.attempt === 1) {
      checkAge(signature, this.clock.now(), maxAgeMs);
    }
    return delivery;
  }

  /** Throws BadSignatureError. */
  #check(message: Signed): Signature | undefined {
    const given = message.headers[SIGNATURE_HEADER];
    if (given === undefined) {
      if (!this.policy.required) return undefined;
      throw new BadSignatureError('the message is not signed');
    }
    const signature = parse(given);
    const mac = signature && this.#mac(message, signature.key, signature.at);
    if (mac !== undefined && timingSafeEqual(Buffer.from(mac), Buffer.from(signature?.mac as string)))
      return signature;
    throw new BadSignatureError(
      signature !== undefined && mac === undefined
        ? `the message is signed with the key "${signature.key}", which is not known here`
        : 'the signature of the message does not fit it',
    );
  }

  /** undefined: there is no such key. */
  #mac({ id, topic, key, headers, body }: Signed, keyId: string, at: number): string | undefined {
    const signingKey = this.policy.keys.find((each) => each.id === keyId);
    if (signingKey === undefined) return undefined;
    const head = JSON.stringify([1, keyId, at, id, topic, key ?? null, sorted(headers)]);
    return createHmac('sha256', signingKey.secret)
      .update(head)
      .update('\n')
      .update(bytesOf(body))
      .digest('base64url');
  }
}

/** Back from the dead letters as it was: its signature has to fit. */
function wasSealed({ to, edited, headers }: Outgoing): boolean {
  if (to === undefined || edited === true) return false;
  return UNSIGNED.some((name) => headers[name] !== undefined);
}

/** What a replay changes is not part of it. */
const UNSIGNED: readonly string[] = [SIGNATURE_HEADER, REPLAY_COUNT_HEADER];

function sorted(headers: Headers): readonly (readonly [string, string])[] {
  return Object.keys(headers)
    .filter((name) => !UNSIGNED.includes(name))
    .toSorted()
    .map((name) => [name, headers[name] as string]);
}

function bytesOf(body: Body): Buffer | Uint8Array {
  return typeof body === 'string' ? Buffer.from(body, 'utf8') : body;
}

function parse(text: string): Signature | undefined {
  const [, key, at, mac] = SIGNATURE.exec(text) ?? [];
  return mac === undefined ? undefined : { key: key as string, at: Number(at), mac };
}

function checkAge({ at }: Signature, now: number, maxAgeMs: number): void {
  const ageMs = now - at;
  if (ageMs > maxAgeMs)
    throw new BadSignatureError(`the message was signed ${ageMs} ms ago, ${maxAgeMs} ms are allowed`);
  if (ageMs < -SKEW_MS) throw new BadSignatureError('the message was signed in the future');
}
