import { QueueError } from './queue-error.js';
import { quote } from './names.js';

/** Text beside the body. Always without a prototype, so a key such as `__proto__` is only a key. */
export type Headers = Readonly<Record<string, string>>;

/** Headers of the library itself. Applications cannot set them, and handlers do not see them, forged or not. */
export const RESERVED_HEADER_PREFIX = 'pp-';

/** How often a message came back from the dead letters. */
export const REPLAY_COUNT_HEADER = 'pp-replay-count';

/** Where the body of a message is kept; see docs/claim-check.md. */
export const CLAIM_HEADER = 'pp-claim';

/** Who wrote a message; see docs/signing.md. */
export const SIGNATURE_HEADER = 'pp-signature';

/** How a body was made smaller; see docs/encryption.md. */
export const COMPRESSION_HEADER = 'pp-compression';

/** How a body was encrypted; see docs/encryption.md. */
export const ENCRYPTION_HEADER = 'pp-encryption';

/** Id of the message that this one was edited from. */
export const EDITED_FROM_HEADER = 'pp-edited-from';

export const HEADER_LIMITS = Object.freeze({ count: 128, nameLength: 128, totalBytes: 64 * 1024 });

export const NO_HEADERS: Headers = Object.freeze(Object.create(null) as Record<string, string>);

const HEADER_NAME = /^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$/;
/** Control characters and lone surrogates: neither survives every broker. */
// oxlint-disable-next-line no-control-regex -- control characters are what this looks for
const FORBIDDEN_IN_VALUE =
  /[\u0000-\u001f\u007f-\u009f]|[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/;

export class InvalidHeaderError extends QueueError {
  readonly code = 'invalid_header';
}

/** Copies and checks what an application wants to send. Throws InvalidHeaderError. */
export function checkHeaders(given: Readonly<Record<string, unknown>> | undefined): Headers {
  if (given === undefined) return NO_HEADERS;
  const names = Object.keys(given);
  if (names.length === 0) return NO_HEADERS;
  if (names.length > HEADER_LIMITS.count) {
    throw new InvalidHeaderError(
      `${names.length} headers were given, at most ${HEADER_LIMITS.count} are allowed`,
    );
  }
  const checked = emptyHeaders();
  let totalBytes = 0;
  for (const name of names) {
    checked[name] = checkHeader(name, given[name]);
    totalBytes += name.length + Buffer.byteLength(checked[name], 'utf8');
  }
  if (totalBytes > HEADER_LIMITS.totalBytes) {
    throw new InvalidHeaderError(
      `headers take ${totalBytes} bytes, at most ${HEADER_LIMITS.totalBytes} are allowed`,
    );
  }
  return Object.freeze(checked);
}

function checkHeader(name: string, value: unknown): string {
  if (!HEADER_NAME.test(name)) {
    throw new InvalidHeaderError(
      `header name ${quote(name)} is not allowed: use letters, digits, '.', '_' and '-'`,
    );
  }
  if (isReserved(name)) {
    throw new InvalidHeaderError(
      `header ${quote(name)} is reserved: names must not start with "${RESERVED_HEADER_PREFIX}"`,
    );
  }
  if (typeof value !== 'string') {
    throw new InvalidHeaderError(`header ${quote(name)} must be a string, got ${typeof value}`);
  }
  if (FORBIDDEN_IN_VALUE.test(value)) {
    throw new InvalidHeaderError(`header ${quote(name)} holds a control character or half a surrogate pair`);
  }
  return value;
}

/** A new, empty, writable header record without a prototype. */
export function emptyHeaders(): Record<string, string> {
  return Object.create(null) as Record<string, string>;
}

/** Without the library's own: the same object where there are none of those. */
export function applicationHeaders(headers: Headers): Headers {
  const names = Object.keys(headers);
  if (!names.some(isReserved)) return headers;
  const kept = emptyHeaders();
  for (const name of names) if (!isReserved(name)) kept[name] = headers[name] as string;
  return Object.freeze(kept);
}

function isReserved(name: string): boolean {
  return name.toLowerCase().startsWith(RESERVED_HEADER_PREFIX);
}

/** `base` but for one, frozen. */
export function withoutHeader(base: Headers, absent: string): Headers {
  const kept = emptyHeaders();
  for (const name of Object.keys(base)) if (name !== absent) kept[name] = base[name] as string;
  return Object.freeze(kept);
}

/** `base` with `added` on top, frozen. */
export function withHeaders(base: Headers, added: Readonly<Record<string, string>>): Headers {
  const merged = emptyHeaders();
  for (const name of Object.keys(base)) merged[name] = base[name] as string;
  for (const name of Object.keys(added)) merged[name] = added[name] as string;
  return Object.freeze(merged);
}
