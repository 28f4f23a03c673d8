import type { BackendConfig } from './queue.options.js';

/** Name of the backend that is meant where none is named. The only one needs no mark. */
export function primaryOf(backends: readonly BackendConfig[]): string {
  const marked = backends.find(({ primary }) => primary === true);
  return (marked ?? backends[0])?.name ?? '';
}
