import type { EncryptionKey, EncryptionPolicy } from '../composed/encryption.js';
import type { BackendConfig } from './queue.options.js';
import { problemWithKeys } from './signing.options.js';

/** Bodies that nobody can read on one backend. */
export interface EncryptionOptions {
  /** Any of them decrypts, so that a new one can be known everywhere before it encrypts. */
  readonly keys: readonly EncryptionKey[];
  /** Id of the key that encrypts. */
  readonly encrypt: string;
  /** Whether a message that is not encrypted is dead. Default true; `false` while publishers are being changed. */
  readonly required?: boolean;
}

const NAMES = new Set(['keys', 'encrypt', 'required']);

/** A sentence about what is wrong, which never holds a secret; undefined: nothing. */
export function problemWithEncryption(given: unknown): string | undefined {
  const { keys, encrypt, required } = given as Record<keyof EncryptionOptions, unknown>;
  const stranger = Object.keys(given as object).find((name) => !NAMES.has(name));
  if (stranger !== undefined) return `has no option ${JSON.stringify(stranger)}`;
  const problem = problemWithKeys(keys);
  if (problem !== undefined) return problem;
  const ids = (keys as readonly EncryptionKey[]).map(({ id }) => id);
  if (!ids.includes(encrypt as string)) return 'needs in encrypt the id of one of its keys';
  if (required !== undefined && typeof required !== 'boolean') return 'needs in required true or false';
  return undefined;
}

/** What waits on another backend is no longer encrypted by this one. */
export function encryptionProblems(backends: readonly BackendConfig[]): readonly string[] {
  return backends.flatMap(({ encryption, delays }, at) => {
    const later = backends.find(({ name }) => name === delays);
    if (encryption === undefined || later === undefined || later.encryption !== undefined) return [];
    return [`backends[${at}].delays: messages would lie readable on "${later.name}", give it encryption too`];
  });
}

export function encryptionPolicyOf({ keys, encrypt, required = true }: EncryptionOptions): EncryptionPolicy {
  return Object.freeze({ keys: keys.map((key) => Object.freeze({ ...key })), encrypt, required });
}
