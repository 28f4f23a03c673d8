import { MIN_SECRET_BYTES, type SigningKey, type SigningPolicy } from '../composed/signing.js';
import type { BackendConfig } from './queue.options.js';
import { type Duration, parseDuration } from '../policies/duration.js';

/** HMAC signatures of one backend's messages. */
export interface SigningOptions {
  /** Any of them verifies, so that a new one can be known everywhere before it signs. */
  readonly keys: readonly SigningKey[];
  /** Id of the key that signs. */
  readonly sign: string;
  /** Whether a message without a signature is dead. Default true; `false` while publishers are being changed. */
  readonly required?: boolean;
  /** A signature is taken for this long, at the first attempt. Default: for ever. */
  readonly maxAge?: Duration;
}

const KEY_ID = /^[\w.-]{1,64}$/;
const NAMES = new Set(['keys', 'sign', 'required', 'maxAge']);

/** A sentence about what is wrong, which never holds a secret; undefined: nothing. */
export function problemWithSigning(given: unknown): string | undefined {
  const { keys, sign, required, maxAge } = given as Record<keyof SigningOptions, unknown>;
  const stranger = Object.keys(given as object).find((name) => !NAMES.has(name));
  if (stranger !== undefined) return `has no option ${JSON.stringify(stranger)}`;
  const problem = problemWithKeys(keys);
  if (problem !== undefined) return problem;
  const ids = (keys as readonly SigningKey[]).map(({ id }) => id);
  if (!ids.includes(sign as string)) return 'needs in sign the id of one of its keys';
  if (required !== undefined && typeof required !== 'boolean') return 'needs in required true or false';
  if (maxAge !== undefined) parseDuration('maxAge', maxAge as Duration);
  return undefined;
}

/** The same for a list of keys: each has an id of its own and a secret that is long enough. */
export function problemWithKeys(keys: unknown): string | undefined {
  if (!Array.isArray(keys) || keys.length === 0) return 'needs keys, a list of ids and secrets';
  const ids = (keys as readonly SigningKey[]).map(({ id }) => id);
  if (!ids.every((id) => typeof id === 'string' && KEY_ID.test(id)))
    return "needs for each key an id of 1 to 64 letters, digits, '.', '_' or '-'";
  if (new Set(ids).size < ids.length) return 'has two keys of the same id';
  if (!(keys as readonly SigningKey[]).every(({ secret }) => isLongEnough(secret)))
    return `needs for each key a secret of at least ${MIN_SECRET_BYTES} bytes`;
  return undefined;
}

/** A retry that waits on another backend is neither a new message nor the one that was signed. */
export function signingProblems(backends: readonly BackendConfig[]): readonly string[] {
  return backends.flatMap(({ signing, delays }, at) => {
    const later = backends.find(({ name }) => name === delays);
    if (later === undefined || (signing === undefined && later.signing === undefined)) return [];
    return [`backends[${at}].delays: neither this backend nor "${later.name}" can have signing`];
  });
}

function isLongEnough(secret: unknown): boolean {
  if (secret instanceof Uint8Array) return secret.byteLength >= MIN_SECRET_BYTES;
  return typeof secret === 'string' && Buffer.byteLength(secret) >= MIN_SECRET_BYTES;
}

export function signingPolicyOf({ keys, sign, required = true, maxAge }: SigningOptions): SigningPolicy {
  const maxAgeMs = maxAge === undefined ? undefined : parseDuration('maxAge', maxAge);
  return Object.freeze({ keys: keys.map((key) => Object.freeze({ ...key })), sign, required, maxAgeMs });
}
