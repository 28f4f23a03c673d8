import { types } from 'node:util';
import type { ErrorInfo } from './failure-record.js';
import { parseJson } from './json.js';

const LIMITS = { name: 100, message: 2_000, stack: 4_000, details: 8_000 } as const;

/** Turns anything that can be thrown into data. Never throws itself, whatever getters the value has. */
export function describeError(thrown: unknown): ErrorInfo {
  if (!isError(thrown)) {
    return { name: typeof thrown, message: cut(printed(thrown), LIMITS.message) };
  }
  const name = text(() => thrown.name) ?? 'Error';
  const message = text(() => thrown.message) ?? '(the message of this error could not be read)';
  const code = text(() => (thrown as { code?: unknown }).code);
  const stack = text(() => thrown.stack);
  const details = jsonDetails(() => (thrown as { details?: unknown }).details);
  return {
    name: cut(name, LIMITS.name),
    message: cut(message, LIMITS.message),
    ...(code !== undefined && { code: cut(code, LIMITS.name) }),
    ...(stack !== undefined && { stack: cut(stack, LIMITS.stack) }),
    ...(details !== undefined && { details }),
  };
}

/** A proxy may throw at the question already. */
function isError(thrown: unknown): thrown is Error {
  try {
    return types.isNativeError(thrown) || thrown instanceof Error;
  } catch {
    return false;
  }
}

function text(read: () => unknown): string | undefined {
  try {
    const value = read();
    if (typeof value === 'string') return value;
    return typeof value === 'number' ? String(value) : undefined;
  } catch {
    return undefined;
  }
}

function printed(value: unknown): string {
  try {
    if (typeof value === 'object' && value !== null) return JSON.stringify(value) ?? 'object';
    return String(value);
  } catch {
    return `a thrown ${typeof value} that cannot be printed`;
  }
}

/** A copy that nests no deeper than what can be stored and sent again. */
function jsonDetails(read: () => unknown): unknown {
  try {
    const encoded = JSON.stringify(read());
    if (encoded === undefined || encoded.length > LIMITS.details) return undefined;
    return parseJson(encoded);
  } catch {
    return undefined;
  }
}

function cut(value: string, limit: number): string {
  return value.length > limit ? `${wellFormed(value.slice(0, limit))}…` : wellFormed(value);
}

/** Half a surrogate pair cannot be stored as UTF-8. */
function wellFormed(value: string): string {
  return Buffer.from(value, 'utf8').toString('utf8');
}
