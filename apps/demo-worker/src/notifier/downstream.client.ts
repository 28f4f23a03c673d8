import { Reject, RetryAfter } from '@pigeonpost/queue';
import { DownstreamUnavailableError } from './downstream.errors.js';
import { retryAfterMs } from './retry-after.js';

export interface Notification {
  /** Goes along as `Idempotency-Key`, so the downstream can tell a second attempt from a second event. */
  readonly id: string;
  readonly text: string;
}

/** Speaks HTTP, and turns answers into what should become of the message. */
export class DownstreamClient {
  constructor(private readonly url: string) {}

  /**
   * Resolves when the downstream has taken it. Otherwise throws: RetryAfter when it names a time, Reject when no later
   * attempt can succeed, any other error when one might.
   */
  async notify({ id, text }: Notification, signal: AbortSignal): Promise<void> {
    const response = await fetch(this.url, {
      method: 'POST',
      headers: { 'content-type': 'application/json', 'idempotency-key': id },
      body: JSON.stringify({ id, text }),
      redirect: 'error',
      signal,
    });
    await response.body?.cancel();
    if (!response.ok) throw verdictOn(response, Date.now());
  }
}

/** Answers that ask for patience although they are in the range of 4xx. */
const PATIENCE = new Set([408, 425, 429]);

function verdictOn({ status, headers }: Response, now: number): Error {
  if (status < 500 && !PATIENCE.has(status)) return new Reject(`the downstream refused with ${status}`);
  const waitMs = retryAfterMs(headers.get('retry-after'), now);
  if (waitMs === undefined) return new DownstreamUnavailableError(status);
  return new RetryAfter(waitMs, `the downstream answered ${status} and asked for ${waitMs} ms`);
}
