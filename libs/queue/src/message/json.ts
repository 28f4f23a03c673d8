import { QueueError } from './queue-error.js';
import type { Body } from './body.js';
import { survivesJson, whatDoesNotSurvive } from './json-survival.js';

/** Deepest nesting that is sent or parsed: beyond it, values can be received but not cloned, logged or sent again. */
export const MAX_JSON_DEPTH = 256;
/** The envelope around it is one level. */
const MAX_PAYLOAD_DEPTH = MAX_JSON_DEPTH - 1;

/** The payload cannot be written as JSON without loss. `path` is where, such as `$.items[3].price`. */
export class SerializeError extends QueueError {
  readonly code = 'serialize_error';

  constructor(
    readonly path: string,
    why: string,
    options?: { cause?: unknown },
  ) {
    super(`the payload cannot be sent as JSON: ${path} ${why}`, options);
  }
}

/** The bytes of a message could not be understood. They are kept as they came. */
export class DecodeError extends QueueError {
  readonly code = 'decode_error';
}

/** Throws SerializeError for what would not come back as it was; see `whatDoesNotSurvive`. */
export function checkJson(value: unknown): void {
  if (survives(value)) return;
  const { path, why, cause } = whatDoesNotSurvive(value, MAX_PAYLOAD_DEPTH);
  throw new SerializeError(path, why, { cause });
}

function survives(value: unknown): boolean {
  try {
    return survivesJson(value, MAX_PAYLOAD_DEPTH);
  } catch {
    return false; // a getter, proxy or toJSON threw: the second, slower walk finds out where
  }
}

/** Bytes that are no UTF-8 are refused, never replaced; a byte order mark is tolerated. Throws DecodeError. */
export function decodeText(body: Body): string {
  if (typeof body === 'string') return body.charCodeAt(0) === 0xfeff ? body.slice(1) : body;
  try {
    return strictUtf8.decode(body);
  } catch (cause) {
    throw new DecodeError('the message is not valid UTF-8', { cause });
  }
}

const strictUtf8 = new TextDecoder('utf-8', { fatal: true });

/** Parses text whose nesting was bounded first. Throws DecodeError. */
export function parseJson(text: string): unknown {
  if (isDeeperThan(text, MAX_JSON_DEPTH)) {
    throw new DecodeError(`the message nests deeper than ${MAX_JSON_DEPTH} levels`);
  }
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new DecodeError('the message is not valid JSON', { cause });
  }
}

/** Text with few brackets cannot nest deeply, which answers the question for almost every message. */
function isDeeperThan(text: string, limit: number): boolean {
  if (text.length < 2 * limit) return false;
  if (count(text, '{', limit) + count(text, '[', limit) <= limit) return false;
  return scanDepth(text, limit);
}

function count(text: string, bracket: string, limit: number): number {
  let found = 0;
  for (let at = text.indexOf(bracket); at >= 0 && found <= limit; at = text.indexOf(bracket, at + 1)) found++;
  return found;
}

const QUOTE = 0x22;
const BACKSLASH = 0x5c;

function scanDepth(text: string, limit: number): boolean {
  let depth = 0;
  let inString = false;
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (inString) {
      if (code === BACKSLASH) at++;
      else if (code === QUOTE) inString = false;
    } else if (code === QUOTE) inString = true;
    else if (code === 0x7b || code === 0x5b) {
      if (++depth > limit) return true;
    } else if (code === 0x7d || code === 0x5d) depth--;
  }
  return false;
}
