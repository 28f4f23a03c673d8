import type { PublishResult, SettleResult } from '../../backend/backend.js';

/** Answers are shared: almost every one is the same as the last. */
const LONGEST_SHARED = 1_024;

const ALL_OK: Promise<readonly SettleResult[]>[] = [];
const STORED: PublishResult[] = [];
const ALL_STORED: Promise<readonly PublishResult[]>[][] = [];

/** It is there already. */
export const DUPLICATE: PublishResult = Object.freeze({ status: 'stored', copies: 0, duplicate: true });

export function stored(copies: number): PublishResult {
  return (STORED[copies] ??= Object.freeze({ status: 'stored', copies }));
}

/** `count` times ok. */
export function allOk(count: number): Promise<readonly SettleResult[]> {
  if (count > LONGEST_SHARED) return Promise.resolve(repeat<SettleResult>('ok', count));
  return (ALL_OK[count] ??= Promise.resolve(Object.freeze(repeat<SettleResult>('ok', count))));
}

/** `count` messages stored in `copies` subscriptions each. */
export function allStored(copies: number, count: number): Promise<readonly PublishResult[]> {
  if (count > LONGEST_SHARED) return Promise.resolve(repeat(stored(copies), count));
  const ofCopies = (ALL_STORED[copies] ??= []);
  return (ofCopies[count] ??= Promise.resolve(Object.freeze(repeat(stored(copies), count))));
}

export function repeat<T>(value: T, count: number): T[] {
  return Array.from({ length: count }, () => value);
}
