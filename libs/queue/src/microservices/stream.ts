import type { Observable } from 'rxjs';

/**
 * Waits for the end of a stream. Every value but the last goes to `send`, one after the other; the last one is the
 * answer, undefined where there was none. Rejects with the error of the stream, of `send`, or the reason of the signal.
 */
export function lastOf(
  stream: Observable<unknown>,
  send: (value: unknown) => Promise<void>,
  signal: AbortSignal,
): Promise<unknown> {
  return new Promise((resolve, reject) => {
    let held: { readonly value: unknown } | undefined;
    let sent = Promise.resolve();
    const abort = (): void => {
      subscription.unsubscribe();
      reject(signal.reason as Error);
    };
    const end = (then: () => void): void => {
      signal.removeEventListener('abort', abort);
      sent.then(then, reject);
    };
    const subscription = stream.subscribe({
      next: (value) => {
        const before = held;
        held = { value };
        if (before === undefined) return;
        sent = sent.then(() => send(before.value));
        sent.catch(() => undefined); // told at the end
      },
      error: (error: unknown) => end(() => reject(error as Error)),
      complete: () => end(() => resolve(held?.value)),
    });
    if (signal.aborted) abort();
    else if (!subscription.closed) signal.addEventListener('abort', abort, { once: true });
  });
}
