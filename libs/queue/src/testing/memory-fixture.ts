import type { Backend } from '../backend/backend.js';
import { memoryBackend } from '../backends/memory/index.js';
import type { MemoryOptions } from '../backends/memory/memory.options.js';
import { must } from './expectations.js';
import type { BackendFixture, World } from './fixture.js';
import { virtualTime } from './law-time.js';
import { testAmbient } from './test-ambient.js';
import { VirtualClock } from './virtual-clock.js';

/** The memory backend on virtual time. `wrap` and `alterConsumer` put something around it, such as a known mistake. */
export function memoryFixture(
  options: MemoryOptions = {},
  wrap: (backend: Backend) => Backend = same,
  alterConsumer?: World['alterConsumer'],
): BackendFixture {
  const create = async (): Promise<World> => ({ ...(await createWorld(options, wrap)), alterConsumer });
  return { name: 'memory', create };
}

async function createWorld(options: MemoryOptions, wrap: (backend: Backend) => Backend): Promise<World> {
  const clock = new VirtualClock();
  const time = virtualTime(clock);
  const ambient = testAmbient(time.clock);
  const open = async () => {
    const { backend, ...rest } = await memoryBackend.open('memory', options, ambient);
    return { backend: wrap(backend), ...rest };
  };
  let opened = await open();
  return {
    time,
    ambient,
    // The broker is the process: a second connection is the first one, and nothing is left of a closed one.
    connect: async () => {
      if (opened.backend.status().state === 'down') opened = await open();
      return opened;
    },
    dispose: async () => {
      must(clock.pending === 0, `${clock.pending} timers still run after everything was closed`);
    },
  };
}

function same(backend: Backend): Backend {
  return backend;
}
