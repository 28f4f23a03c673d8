import type { BackendConfig } from './queue.options.js';

/** Names of the backends in groups: who uses the store of another one, or lets it keep what is late, comes before it. */
export function closingOrder(backends: readonly BackendConfig[]): readonly (readonly string[])[] {
  const groups: string[][] = [];
  for (let left = backends; left.length > 0;) {
    const neededBy = new Set(left.flatMap(({ delays, store }) => [delays, store]));
    const free = left.filter(({ name }) => !neededBy.has(name));
    const group = free.length > 0 ? free : left; // two that lean on each other go together
    groups.push(group.map(({ name }) => name));
    left = left.filter((config) => !group.includes(config));
  }
  return groups;
}
