import type { Capabilities } from '../backend/capabilities.js';
import { memoryCapabilities } from '../backends/memory/memory.capabilities.js';
import { compile, type PlanEntry } from './plan.js';
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
  const window = { dedupMs: 600_000 };

  it('is kept by a backend that has as long a one', () => {
    expect(entryOf(window)).toMatchObject({ answer: 'native', asked: 'each id stored once within 10m' });
  });

  it('is refused by a backend whose longest is shorter, with the longest in the remedy', () => {
    expect(entryOf({ dedupMs: 2 * DAY_MS }, { dedup: { windowMs: DAY_MS } })).toMatchObject({
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
    expect(entryOf({ dedupMs: undefined })).toBeUndefined();
  });
});
