import { AsyncLocalStorage } from 'node:async_hooks';
import type { Handling } from './handling.js';

/**
 * The message being handled, for whatever the handler calls: it is how a publish inside a handler knows its
 * correlation and cause. `enterWith` instead of `run`, because it costs a third and each lane of a consumer enters
 * anew for each message.
 */
const storage = new AsyncLocalStorage<Handling | undefined>();

export function currentHandling(): Handling | undefined {
  return storage.getStore();
}

export function enterHandling(handling: Handling | undefined): void {
  storage.enterWith(handling);
}
