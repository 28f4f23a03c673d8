import { QueueError } from './queue-error.js';

/** Longest topic, subscription or backend name. Backends with tighter limits say so at boot. */
export const MAX_NAME_LENGTH = 128;
/** Longest message id. */
export const MAX_ID_LENGTH = 128;
/** Longest key, tenant, correlation id or other text of an envelope, in UTF-16 code units. */
export const MAX_TEXT_LENGTH = 256;

const NAME = /^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$/;
const ID = /^[A-Za-z0-9][A-Za-z0-9._:@/+=-]{0,127}$/;
/** No control characters and no half surrogate pairs: neither survives every broker. */
const TEXT = /^[^\p{Cc}\p{Cs}]+$/u;

export class InvalidNameError extends QueueError {
  readonly code = 'invalid_name';

  constructor(what: string, given: unknown, rule: string) {
    super(`${what} ${quote(given)} is not allowed: ${rule}`);
  }
}

/** One grammar for topics, subscriptions and backends, so that a name means the same on every broker. */
export function checkName(what: string, name: unknown): string {
  if (typeof name === 'string' && NAME.test(name)) return name;
  throw new InvalidNameError(
    what,
    name,
    `use 1 to ${MAX_NAME_LENGTH} characters, a letter or digit first, then letters, digits, '.', '_' or '-'`,
  );
}

export function isId(id: unknown): id is string {
  return typeof id === 'string' && ID.test(id);
}

export function checkId(what: string, id: unknown): string {
  if (isId(id)) return id;
  throw new InvalidNameError(
    what,
    id,
    `use 1 to ${MAX_ID_LENGTH} characters, a letter or digit first, then letters, digits or any of . _ : @ / + = -`,
  );
}

/** Names that the application gives its own things: any text of 1 to 256 characters. */
export function checkText(what: string, text: unknown): string {
  if (typeof text === 'string' && text.length <= MAX_TEXT_LENGTH && TEXT.test(text)) return text;
  throw new InvalidNameError(
    what,
    text,
    `use a text of 1 to ${MAX_TEXT_LENGTH} characters without control characters`,
  );
}

/** A value for a message: quoted, escaped and short, whatever it is. */
export function quote(given: unknown): string {
  if (typeof given !== 'string') return given === null ? 'null' : `of type ${typeof given}`;
  return JSON.stringify(given.length > 60 ? `${given.slice(0, 60)}…` : given);
}
