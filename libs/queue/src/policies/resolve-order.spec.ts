import type { Capabilities } from '../backend/capabilities.js';
import { memoryCapabilities } from '../backends/memory/memory.capabilities.js';
import type { Anomaly } from './anomalies.js';
import { fixed } from './backoff.js';
import { resolvePolicies } from './consume.policies.js';
import { keyOrder, type OrderOption } from './ordering.policy.js';
import { compile, type Plan } from './plan.js';
import { requirementsOf } from './requirements.js';
import { DEFAULT_RETRY } from './retry.policy.js';

const STRICT = ['order', 'order on retry', 'order on death'];

/** What the plan says about the order. */
function plan(
  option: OrderOption | undefined,
  can: Partial<Capabilities> = {},
  { accept = [], attempts = 5 }: { accept?: readonly Anomaly[]; attempts?: number } = {},
): Plan {
  const order = option && keyOrder('Spec.handle', option);
  const policies = resolvePolicies('Spec.handle', { order, retry: { ...DEFAULT_RETRY, attempts } });
  const helpers = { remembers: true, accept };
  const entries = compile(requirementsOf(policies), { ...memoryCapabilities, ...can }, helpers);
  return entries.filter(({ need }) => need.startsWith('order'));
}

const needs = (entries: Plan): readonly string[] => entries.map(({ need }) => need);
const answers = (entries: Plan): readonly string[] => entries.map(({ answer }) => answer);

/** Retries of more than a second wait elsewhere. */
const LEAVING = {
  beyondMs: 1_000,
  staying: { kind: 'exact', maxMs: 1_000, resolutionMs: 1 },
  onRetry: 'block-key',
} as const;

describe('the plan of an order by key', () => {
  it.each([
    [1_000, 'native'],
    [1_001, 'refused'],
  ])('knows whether a retry after %d ms leaves its key behind', (waitMs, answer) => {
    const order = keyOrder('Spec.handle', 'key');
    const policies = resolvePolicies('Spec.handle', {
      order,
      retry: { ...DEFAULT_RETRY, backoff: fixed(waitMs) },
    });
    const can: Capabilities = { ...memoryCapabilities, onRetry: 'breaks' };
    const helpers = { remembers: true, leaving: LEAVING, accept: [] };
    const entries = compile(requirementsOf(policies), can, helpers);
    expect(entries.find(({ need }) => need === 'order on retry')).toMatchObject({ answer });
  });

  it('has nothing where none was asked for', () => {
    expect(plan(undefined)).toEqual([]);
  });

  it('holds what was asked for against what the backend does, one by one', () => {
    expect(needs(plan('key'))).toEqual(STRICT);
    expect(needs(plan({ by: 'key', onDead: 'skip' }))).toEqual(STRICT.slice(0, 2));
    expect(needs(plan({ by: 'key', onRetry: 'breaks' }))).toEqual(STRICT.slice(0, 1));
    expect(needs(plan('key', {}, { attempts: 1 }))).toEqual(['order', 'order on death']);
    expect(answers(plan('key'))).toEqual(['native', 'native', 'native']);
  });

  it('tells that all keys wait where the whole queue does', () => {
    const [, onRetry] = plan('key', { onRetry: 'block-queue' });
    expect(onRetry).toMatchObject({ answer: 'native', leaves: expect.stringContaining('all keys wait') });
  });

  it.each<[string, Partial<Capabilities>, number, Anomaly]>([
    ['no order', { order: 'none' }, 0, 'another-order'],
    ['an order of the whole queue', { order: 'queue' }, 0, 'another-order'],
    ['retries that break it', { onRetry: 'breaks' }, 1, 'overtaken'],
    ['dead letters that do not hold', { onDead: 'skip' }, 2, 'skipped-dead'],
  ])('refuses %s, unless the handler can live with it', (_what, can, at, anomaly) => {
    const refused = plan('key', can)[at];
    expect(refused).toMatchObject({
      answer: 'refused',
      anomaly,
      remedy: expect.stringContaining('use a backend'),
    });
    expect(plan('key', can, { accept: [anomaly] })[at]).toMatchObject({ answer: 'accepted', anomaly });
  });
});
