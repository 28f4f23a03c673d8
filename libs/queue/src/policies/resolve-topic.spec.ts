import type { Capabilities } from '../backend/capabilities.js';
import { memoryCapabilities } from '../backends/memory/memory.capabilities.js';
import { resolvePolicies } from './consume.policies.js';
import { compile, type PlanEntry } from './plan.js';
import { requirementsOf } from './requirements.js';
import { requirementsOfTopic, type TopicPolicies } from './topic.policies.js';

const DAY_MS = 86_400_000;

function entryOf(
  policies: TopicPolicies,
  can: Partial<Capabilities> = {},
  remembers = true,
): PlanEntry | undefined {
  const capabilities = { ...memoryCapabilities, ...can };
  return compile(requirementsOfTopic(policies), capabilities, { remembers, accept: [] })[0];
}

describe('the window of a topic', () => {
  const window = { dedupMs: 600_000, retain: undefined };

  it('is kept by a backend that has as long a one', () => {
    expect(entryOf(window)).toMatchObject({ answer: 'native', asked: 'each id stored once within 10m' });
  });

  it('is refused by a backend whose longest is shorter, with the longest in the remedy', () => {
    expect(entryOf({ ...window, dedupMs: 2 * DAY_MS }, { dedup: { windowMs: DAY_MS } })).toMatchObject({
      answer: 'refused',
      why: 'recognises a repeat for 1d at most',
      remedy: expect.stringContaining("'1d'"),
    });
  });

  it('is composed of keys in a store where the backend has none, and refused without a store', () => {
    expect(entryOf(window, { dedup: false })).toMatchObject({ answer: 'composed', by: expect.any(String) });
    expect(entryOf(window, { dedup: false }, false)).toMatchObject({ answer: 'refused' });
  });

  it('is not asked about when there is none', () => {
    expect(entryOf({ ...window, dedupMs: undefined })).toBeUndefined();
  });
});

describe('the retention of a topic', () => {
  const kept = { dedupMs: undefined, retain: { forMs: 7 * DAY_MS, maxMessages: 100 } };

  it('is kept by a backend that has as long a log', () => {
    expect(entryOf(kept)).toMatchObject({
      answer: 'native',
      asked: 'kept for later subscriptions: 7d, the newest 100',
    });
  });

  it('is refused where there is none, or only a shorter one', () => {
    expect(entryOf(kept, { log: false })).toMatchObject({ answer: 'refused' });
    expect(entryOf(kept, { log: { maxAgeMs: DAY_MS } })).toMatchObject({
      answer: 'refused',
      remedy: "shorten retain.for to '1d'",
    });
  });
});

it('a subscription that starts with the earliest needs a backend that retains', () => {
  const planned = (log: Capabilities['log']) => {
    const requirements = requirementsOf(resolvePolicies('Spec.handle', { start: 'earliest' }));
    const plan = compile(requirements, { ...memoryCapabilities, log }, { remembers: true, accept: [] });
    return plan.find(({ need }) => need === 'earliest');
  };
  expect(planned({ maxAgeMs: DAY_MS })).toMatchObject({ answer: 'native' });
  expect(planned(false)).toMatchObject({ answer: 'refused', remedy: expect.stringContaining("'latest'") });
});
