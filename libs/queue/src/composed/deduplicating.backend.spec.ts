import type { Backend, OpenedBackend, PublishResult } from '../backend/backend.js';
import { PublishOutcomeUnknownError } from '../backend/backend.errors.js';
import { memoryBackend } from '../backends/memory/index.js';
import { MemoryStore } from '../backends/memory/memory.store.js';
import { NO_HEADERS } from '../message/headers.js';
import type { Outgoing } from '../message/outgoing.js';
import type { Store } from '../store/store.js';
import { AlteredBackend, type Alterations } from '../testing/altered-backend.js';
import type { BackendFixture } from '../testing/fixture.js';
import { virtualTime } from '../testing/law-time.js';
import { DEDUP_LAWS } from '../testing/laws/dedup.laws.js';
import { runLaw } from '../testing/run-laws.js';
import { testAmbient } from '../testing/test-ambient.js';
import { VirtualClock } from '../testing/virtual-clock.js';
import { DeduplicatingBackend, type OnStoreError } from './deduplicating.backend.js';

const clock = new VirtualClock();
const ambient = testAmbient(clock);

async function backendOver(
  alterations: Alterations = {},
  { store = new MemoryStore('spec', clock), onStoreError = 'reject' as OnStoreError }: Partial<Setup> = {},
): Promise<Backend> {
  const { backend } = await memoryBackend.open('spec', {}, ambient);
  await backend.ensure({ subscriptions: [{ name: 'work', topics: ['orders'] }] }, 'create');
  return new DeduplicatingBackend(new AlteredBackend(backend, alterations), { store, onStoreError });
}

interface Setup {
  readonly store: Store;
  readonly onStoreError: OnStoreError;
}

const order = (id: string, given: Partial<Outgoing> = {}): Outgoing => ({
  topic: 'orders',
  to: undefined,
  id,
  key: undefined,
  body: id,
  headers: NO_HEADERS,
  delayMs: undefined,
  ttlMs: undefined,
  event: undefined,
  dedup: { id: undefined, windowMs: 5_000 },
  ...given,
});

const told = (results: readonly PublishResult[]): readonly string[] =>
  results.map((result) => (result.status === 'stored' && result.duplicate ? 'duplicate' : result.status));

class BrokenStore extends MemoryStore {
  broken = true;

  override write(...args: Parameters<Store['write']>): ReturnType<Store['write']> {
    return this.broken ? Promise.reject(new RangeError('no store')) : super.write(...args);
  }
}

describe('deduplication above a backend', () => {
  it.each(DEDUP_LAWS.filter(({ id }) => id !== 'J1c'))('keeps law $id: $title', async (law) => {
    const { verdict, why } = await runLaw(law, composedFixture());
    expect({ verdict, why }).toEqual({ verdict: 'passed', why: undefined });
  });

  it('shows nothing of it to the backend, and leaves other messages alone', async () => {
    const seen: (Outgoing | undefined)[] = [];
    const backend = await backendOver({
      publish: (batch, rightly) => {
        seen.push(...batch);
        return rightly(batch);
      },
    });
    const plain = order('b', { dedup: undefined });
    expect(told(await backend.publish([order('a'), plain, order('a'), plain]))).toEqual([
      'stored',
      'stored',
      'duplicate',
      'stored',
    ]);
    expect(seen.map((message) => [message?.id, message?.dedup])).toEqual([
      ['a', undefined],
      ['b', undefined],
      ['b', undefined],
    ]);
    expect(backend.capabilities.dedup).toEqual(expect.anything());
  });

  it('lets a publish of unknown outcome be repeated', async () => {
    let fails = true;
    const error = new PublishOutcomeUnknownError('no answer');
    const backend = await backendOver({
      publish: async (batch, rightly) =>
        fails ? batch.map((): PublishResult => ({ status: 'unknown', error })) : rightly(batch),
    });
    expect(told(await backend.publish([order('a')]))).toEqual(['unknown']);
    fails = false;
    expect(told(await backend.publish([order('a')]))).toEqual(['stored']);
    expect(told(await backend.publish([order('a')]))).toEqual(['duplicate']);
  });

  it('lets a publish that was thrown out be repeated', async () => {
    let fails = true;
    const backend = await backendOver({
      publish: (batch, rightly) => (fails ? Promise.reject(new RangeError('closed')) : rightly(batch)),
    });
    await expect(backend.publish([order('a')])).rejects.toThrow('closed');
    fails = false;
    expect(told(await backend.publish([order('a')]))).toEqual(['stored']);
  });

  it('refuses while another publish of it is under way, until the claim of a dead process ends', async () => {
    const store = new MemoryStore('spec', clock);
    const hanging = await backendOver({ publish: () => new Promise(() => undefined) }, { store });
    void hanging.publish([order('a')]);
    const backend = await backendOver({}, { store });
    const [result] = await backend.publish([order('a')]);
    expect(result).toMatchObject({ status: 'refused', error: { code: 'unavailable' } });
    await clock.advance(60_000);
    expect(told(await backend.publish([order('a')]))).toEqual(['stored']);
  });

  it('refuses without its store, or publishes unchecked when told to', async () => {
    const store = new BrokenStore('spec', clock);
    const strict = await backendOver({}, { store });
    expect(await strict.publish([order('a'), order('b', { dedup: undefined })])).toMatchObject([
      { status: 'refused', error: { code: 'unavailable', message: /store that recognises repeats/ } },
      { status: 'stored' },
    ]);
    const lenient = await backendOver({}, { store, onStoreError: 'publish' });
    expect(told(await lenient.publish([order('a')]))).toEqual(['stored']);
    expect(told(await lenient.publish([order('a')]))).toEqual(['stored']);
  });
});

/** Memory with composed instead of its own deduplication. */
function composedFixture(): BackendFixture {
  return {
    name: 'memory, deduplicating above it',
    create: async () => {
      const lawClock = new VirtualClock();
      const time = virtualTime(lawClock);
      const opened: OpenedBackend = await memoryBackend.open('memory', {}, testAmbient(lawClock));
      const store = new MemoryStore('spec', lawClock);
      const backend = new DeduplicatingBackend(opened.backend, { store, onStoreError: 'reject' });
      return {
        time,
        ambient: testAmbient(lawClock),
        connect: async () => ({ backend }),
        dispose: async () => undefined,
      };
    },
  };
}
