import type { Ambient } from '../../ambient/ambient.js';
import type { BackendFactory, OpenedBackend } from '../../backend/backend.js';
import { MemoryBackend } from './memory.backend.js';
import { memoryCapabilities } from './memory.capabilities.js';
import { FaultyBackend } from './memory.faults.js';
import { MemoryOptions } from './memory.options.js';
import { MemoryStore } from './memory.store.js';

/** Messages and memory of one process: for tests, for in-process events, and as the yardstick of all other backends. */
export const memoryBackend: BackendFactory<MemoryOptions> = Object.freeze({
  kind: 'memory',
  optionsClass: MemoryOptions,
  open: openMemory,
  foresee: ({ maxBytes = memoryCapabilities.maxBytes }) => ({
    capabilities: { ...memoryCapabilities, maxBytes },
    remembers: true,
  }),
});

async function openMemory(name: string, options: MemoryOptions, ambient: Ambient): Promise<OpenedBackend> {
  const limits = {
    maxBytes: options.maxBytes ?? memoryCapabilities.maxBytes,
    maxMessages: options.maxMessages,
  };
  const backend = new MemoryBackend(name, limits, ambient);
  const { faults } = options;
  return {
    backend: faults === undefined ? backend : new FaultyBackend(backend, faults, ambient.random),
    store: new MemoryStore(name, ambient.clock),
  };
}
