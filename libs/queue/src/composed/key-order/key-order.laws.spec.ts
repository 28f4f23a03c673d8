import type { Backend } from '../../backend/backend.js';
import { STRICT_ORDER } from '../../backend/key-order.js';
import { memoryCapabilities } from '../../backends/memory/memory.capabilities.js';
import { ALL_LAWS } from '../../testing/all-laws.js';
import { AlteredBackend } from '../../testing/altered-backend.js';
import { QUEUE_ORDER_LAWS } from '../../testing/laws/queue-order.laws.js';
import { runLaw } from '../../testing/run-laws.js';
import { testAmbient } from '../../testing/test-ambient.js';
import { VirtualClock } from '../../testing/virtual-clock.js';
import { objectionToGate } from './key-gate.js';
import { gatedFixture, queueBackend, queueFixture } from './key-order.fixture.js';

/** What a gate in front of one queue cannot do; docs/ordering.md tells so. */
const OTHERWISE: Readonly<Record<string, string>> = {
  E5c: 'a message that is published for later has its place when it is due: the queue shows it then',
  E10: 'the keys take turns as the queue has them',
};

const laws = ALL_LAWS.filter(({ id }) => !(id in OTHERWISE)).map(
  (law) => [`${law.id} ${law.title}`, law] as const,
);

describe('a queue that a gate can stand in front of', () => {
  it.each(QUEUE_ORDER_LAWS)('keeps law $id: $title', async (law) => {
    expect(await runLaw(law, queueFixture())).toMatchObject({ error: undefined, verdict: 'passed' });
  });

  it('is no other one', () => {
    expect(objectionToGate(memoryCapabilities)).toContain('of its own');
    const { capabilities } = queueBackend(testAmbient(new VirtualClock()));
    expect(objectionToGate(capabilities)).toBeUndefined();
    for (const lack of [{ order: 'none' }, { ack: 'position' }, { lease: false }, { priority: 10 }] as const)
      expect(objectionToGate({ ...capabilities, ...lack })).toBeDefined();
  });
});

describe('laws of queues with a key gate', () => {
  it.each(laws)('%s', async (_name, law) => {
    expect(await runLaw(law, gatedFixture())).toMatchObject({ error: undefined });
  });
});

/** Every message goes through a gate, and none waits for another one. */
function ordered(backend: Backend): Backend {
  let published = 0;
  const order = { ...STRICT_ORDER, onDead: 'skip' } as const;
  return new AlteredBackend(backend, {
    ensure: (topology) => ({
      ...topology,
      subscriptions: topology.subscriptions.map((declared) =>
        declared.expiresAfterMs === undefined ? { ...declared, order } : declared,
      ),
    }),
    open: (spec) => (spec.expiresAfterMs === undefined ? { ...spec, order: spec.order ?? order } : spec),
    publish: (batch, rightly) =>
      rightly(
        batch.map((message) => ({
          ...message,
          body: message.body,
          key: message.key ?? `key-${published++}`,
        })),
      ),
  });
}

/** Laws in which a key of every message means something else, or that look at what lies on the broker alone. */
const UNLIKE: Readonly<Record<string, string>> = {
  B2: 'takes several messages of a key at once',
  C9: 'takes several messages of a key at once',
  D11: 'takes several messages of a key at once',
  H6: 'what is given back waits with the holder until its receiver is closed',
};

describe('laws of queues with a key gate, when every message has a key of its own', () => {
  const others = laws.filter(([, { id }]) => /^[BCDGHI]/.test(id) && !(id in UNLIKE));

  it.each(others)('%s', async (_name, law) => {
    expect(await runLaw(law, gatedFixture(ordered))).toMatchObject({ error: undefined });
  });
});
