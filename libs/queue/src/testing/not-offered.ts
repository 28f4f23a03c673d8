import type { NotOffered } from './law.js';

/** Promises of the contract that are not made yet. Each is listed with every run, so that nothing is missing unseen. */
export const NOT_OFFERED: readonly NotOffered[] = [];
