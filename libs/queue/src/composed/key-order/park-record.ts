import { readBase64, writeBase64 } from '../../message/base64.js';
import type { Body } from '../../message/body.js';
import { type FailureRecord, MAX_FAILURE_HISTORY } from '../../message/failure-record.js';
import { type Headers, NO_HEADERS, withHeaders } from '../../message/headers.js';

/** A message of the park without what it carries: that lies beside it, and is only read when it is handed out. */
export interface ParkRecord {
  readonly id: string;
  readonly topic: string;
  readonly key: string;
  /** Names the copy, as in all its deliveries before; undefined where the broker has no such name. */
  readonly ref: string | undefined;
  /** Wall clock, as all times here: ms since the epoch. */
  readonly publishedAt: number;
  readonly priority?: number | undefined;
  readonly expiresAt?: number | undefined;
  /** Attempts that came to nothing, crashes included. */
  readonly attempts: number;
  readonly crashes: number;
  /** Oldest first. */
  readonly failures: readonly FailureRecord[];
  /** It is handed out. Whoever takes the park over finds here that an attempt ended without a settlement. */
  readonly isOut?: boolean | undefined;
  /** Not handed out before. */
  readonly dueAt?: number | undefined;
  /** Set on dead letters. */
  readonly deadAt?: number | undefined;
  /** A dead letter that keeps its key waiting. */
  readonly holds?: boolean | undefined;
  /** It has left the order: nothing waits for it, and it waits for nothing but its time. */
  readonly isLoose?: boolean | undefined;
}

/** What a message carries. */
export interface Content {
  readonly body: Body;
  readonly headers: Headers;
}

/** Keys of the park of one subscription. Names of subscriptions have no slash, so that parks do not meet. */
export class ParkKeys {
  readonly #root: string;

  constructor(subscription: string) {
    this.#root = `park/${subscription}`;
  }

  /** Says that the subscription has an order. */
  get order(): string {
    return `${this.#root}/order`;
  }

  /** Who may write, and what else is true of the whole park. */
  get fence(): string {
    return `${this.#root}/fence`;
  }

  /** Rung by whoever changes the park without having the right to hand out. */
  get bell(): string {
    return `${this.#root}/bell`;
  }

  /** Before all that `at` gives. */
  get places(): string {
    return `${this.#root}/at/`;
  }

  at(seq: number): string {
    return this.places + padded(seq);
  }

  content(seq: number): string {
    return `${this.#root}/of/${padded(seq)}`;
  }

  seqOf(key: string): number {
    return Number(key.slice(this.places.length));
  }
}

/** So that the order of the keys is that of the numbers. */
function padded(seq: number): string {
  return String(seq).padStart(16, '0');
}

export function writeRecord(record: ParkRecord): string {
  return JSON.stringify(record);
}

export function readRecord(value: string): ParkRecord {
  return JSON.parse(value) as ParkRecord;
}

export function writeContent({ body, headers }: Content): string {
  return JSON.stringify(
    typeof body === 'string' ? { text: body, headers } : { bytes: writeBase64(body), headers },
  );
}

export function readContent(value: string): Content {
  const { text, bytes, headers } = JSON.parse(value) as { text?: string; bytes?: string; headers: Headers };
  const body = text ?? readBase64('the body of a parked message', bytes ?? '');
  return { body, headers: withHeaders(NO_HEADERS, headers) };
}

/** With one failure more. */
export function noted(failures: readonly FailureRecord[], failure: FailureRecord): readonly FailureRecord[] {
  return [...failures, failure].slice(-MAX_FAILURE_HISTORY);
}
