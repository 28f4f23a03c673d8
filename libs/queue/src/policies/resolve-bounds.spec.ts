import type { WhenFull } from '../backend/bounds.js';
import { memoryCapabilities } from '../backends/memory/memory.capabilities.js';
import { resolvePolicies } from './consume.policies.js';
import { compile } from './plan.js';
import { requirementsOf } from './requirements.js';
import { whenFull } from './when-full.js';

function entryOf(given: WhenFull, can: Partial<typeof memoryCapabilities | { bounds: boolean }> = {}) {
  const policies = resolvePolicies('Spec.handle', { bounds: { maxMessages: 100, whenFull: given } });
  const capabilities = { ...memoryCapabilities, ...can };
  const plan = compile(requirementsOf(policies), capabilities, { remembers: true, accept: [] });
  return plan.find(({ need }) => need === 'bounds');
}

describe('the bounds of a subscription', () => {
  it.each([
    [whenFull.reject, 'reject', 'a publish is refused'],
    [whenFull.block('5s'), 'block', 'a publisher waits up to 5s'],
    [whenFull.dropNewest, 'drop-newest', 'what is published while it is full is lost'],
    [whenFull.dropOldest, 'drop-oldest', 'costs it the oldest one'],
    [whenFull.throttle(50), 'throttle', 'beyond the bound by up to 50 messages a second'],
    [whenFull.overflowTo('spill'), 'overflow', 'by the subscriptions of spill'],
  ])('that are kept with %j say what is lost', (given, kind, loss) => {
    expect(entryOf(given)).toMatchObject({
      answer: 'native',
      asked: `100 messages at most, then ${kind}`,
      leaves: expect.stringContaining(loss),
    });
  });

  it('are refused by a backend that has none, without a way to accept it', () => {
    expect(entryOf(whenFull.reject, { bounds: false })).toEqual({
      need: 'bounds',
      asked: '100 messages at most, then reject',
      answer: 'refused',
      why: 'does not hold publishers to a bound',
      remedy: expect.stringContaining('a backend with bounds'),
    });
  });

  it.each([
    [{ maxMessages: 0, whenFull: whenFull.reject }, /Spec\.handle: bounds\.maxMessages is 0/],
    [{ maxMessages: 1, whenFull: whenFull.block(0) }, /Spec\.handle: the wait of block is 0/],
    [{ maxMessages: 1, whenFull: whenFull.throttle(0) }, /Spec\.handle: the rate of throttle is 0/],
    [{ maxMessages: 1, whenFull: whenFull.overflowTo('a b') }, /Spec\.handle: the topic of overflow "a b"/],
    [
      { maxMessages: 1, whenFull: { kind: 'burst' } as never },
      /no way to be full such as \{"kind":"burst"\}/,
    ],
  ])('are checked: %j', (bounds, problem) => {
    expect(() => resolvePolicies('Spec.handle', { bounds })).toThrow(problem);
  });
});
