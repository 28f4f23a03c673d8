import type { OpenedBackend } from '../../backend/backend.js';
import { memoryBackend } from '../../backends/memory/index.js';
import { ALL_LAWS } from '../../testing/all-laws.js';
import type { BackendFixture } from '../../testing/fixture.js';
import { virtualTime } from '../../testing/law-time.js';
import { PlainQueues } from '../../testing/plain-queues.js';
import { runLaw } from '../../testing/run-laws.js';
import { testAmbient } from '../../testing/test-ambient.js';
import { VirtualClock } from '../../testing/virtual-clock.js';
import { FanOutBackend } from './fan-out.backend.js';

/** What a broker promises that stores all copies at once. */
const OF_ONE_STEP: Readonly<Record<string, string>> = {
  A1: 'a publish also says that later subscriptions may get it',
  C5: 'what is delayed waits before it is copied',
  C11: 'how many copies there would be is not known before they are made',
  C11b: 'a publish also says that later subscriptions may get it',
  F1a: 'a fan-out of copies on a fan-out of copies',
  K5: 'nobody knows which copy of a blob is the last one, so that it goes with its time',
};

describe('a fan-out of copies', () => {
  it.each(ALL_LAWS.filter(({ id }) => OF_ONE_STEP[id] === undefined))(
    'breaks no law $id: $title',
    async (law) => {
      expect(await runLaw(law, composedFixture())).toMatchObject({ error: undefined });
    },
  );
});

/** Memory with one queue per topic, and a store to remember who listens. */
function composedFixture(): BackendFixture {
  return {
    name: 'plain queues with copies',
    create: async () => {
      const clock = new VirtualClock();
      const ambient = testAmbient(clock);
      const open = async (): Promise<OpenedBackend> => {
        const { backend, store } = await memoryBackend.open('plain', {}, ambient);
        if (store === undefined) throw new RangeError('memory has a store');
        return {
          backend: new FanOutBackend(new PlainQueues(backend), { store, ambient, host: 'h:1' }),
          store,
        };
      };
      let opened = await open();
      return {
        time: { ...virtualTime(clock), latestMs: 20 },
        ambient,
        connect: async () => {
          if (opened.backend.status().state === 'down') opened = await open();
          return opened;
        },
        dispose: async () => undefined,
      };
    },
  };
}
