import { isUtf8 } from 'node:buffer';
import type { Body, Peeked } from '@pigeonpost/queue';

/** A dead letter as the API shows it: why it died, without its stack traces, and without its payload. */
export interface DeadLetterView {
  readonly id: string;
  readonly topic: string;
  readonly key: string | undefined;
  readonly publishedAt: string;
  readonly deadAt: string | undefined;
  readonly attempts: number;
  readonly crashes: number;
  readonly reason: string | undefined;
  readonly error: string | undefined;
  /** What a validator found wrong. */
  readonly details: unknown;
  readonly body?: BodyView;
}

/** The bytes as they came: as text where they are text. */
export interface BodyView {
  readonly encoding: 'utf8' | 'base64';
  readonly content: string;
}

export function viewOf(letter: Peeked): DeadLetterView {
  const last = letter.failures.at(-1);
  return {
    id: letter.id,
    topic: letter.topic,
    key: letter.key,
    publishedAt: isoDate(letter.publishedAt),
    deadAt: letter.deadAt === undefined ? undefined : isoDate(letter.deadAt),
    attempts: letter.attempts,
    crashes: letter.crashes,
    reason: last?.reason,
    error: last?.error.message,
    details: last?.error.details,
  };
}

export function bodyView(body: Body): BodyView {
  const bytes = Buffer.from(body);
  const encoding = isUtf8(bytes) ? 'utf8' : 'base64';
  return { encoding, content: bytes.toString(encoding) };
}

function isoDate(ms: number): string {
  return new Date(ms).toISOString();
}
