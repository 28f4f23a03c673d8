import { InvalidPolicyError } from './invalid-policy.error.js';
import { keyOrder, type OrderOption } from './ordering.policy.js';
import { resolvePolicies } from './consume.policies.js';

describe('an order by key', () => {
  it.each<[OrderOption, string, string]>([
    ['key', 'block-key', 'hold'],
    [{ by: 'key' }, 'block-key', 'hold'],
    [{ by: 'key', onDead: 'skip' }, 'block-key', 'skip'],
    [{ by: 'key', onRetry: 'breaks' }, 'breaks', 'skip'],
  ])('%j: a retry is to %s, a dead letter to %s', (given, onRetry, onDead) => {
    expect(keyOrder('Spec.handle', given)).toEqual({ by: 'key', onRetry, onDead });
  });

  it.each<[unknown, string]>([
    ['queue', 'Spec.handle: order.by is "queue", it must be one of key'],
    [{ by: 'key', onRetry: 'wait' }, 'order.onRetry is "wait", it must be one of block-key, breaks'],
    [{ by: 'key', onDead: 'drop' }, 'order.onDead is "drop", it must be one of hold, skip'],
    [{ by: 'key', onRetry: 'breaks', onDead: 'hold' }, 'the key has gone on before its message dies'],
  ])('refuses %j', (given, sentence) => {
    const ask = () => keyOrder('Spec.handle', given as OrderOption);
    expect(ask).toThrow(InvalidPolicyError);
    expect(ask).toThrow(sentence);
  });

  it('cannot be had at most once', () => {
    const order = keyOrder('Spec.handle', 'key');
    expect(() => resolvePolicies('Spec.handle', { delivery: 'at-most-once', order })).toThrow(
      'Spec.handle: at-most-once lets the next message of a key go on before the handler has run',
    );
  });
});
