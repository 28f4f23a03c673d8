import { describe, expect, it } from '@jest/globals';
import type { Settlement, SettleResult } from '../backend/backend.js';
import { BackendUnavailableError } from '../backend/backend.errors.js';
import type { Peeked } from '../backend/inspect.js';
import type { Delivery } from '../message/delivery.js';
import { NO_HEADERS } from '../message/headers.js';
import { checkHistory } from './checker.js';
import type { HistoryEvent } from './history.js';

const LEASE_MS = 100;
const plain = { topic: 't', key: undefined, body: '', headers: NO_HEADERS };

function published(id: string, ...to: readonly string[]): HistoryEvent {
  const message = { ...plain, id, to: undefined, delayMs: undefined, ttlMs: undefined, event: undefined };
  return { kind: 'published', message, to, result: { status: 'stored', copies: to.length } };
}

function delivery(id: string, given: Partial<Delivery> = {}): Delivery {
  const fresh = { attempt: 1, crashes: 0, failures: [], publishedAt: 0, leaseMs: LEASE_MS };
  return { ...plain, id, ref: undefined, subscription: 's', ...fresh, ...given };
}

const delivered = (what: Delivery, at = 0): HistoryEvent => ({ kind: 'delivered', delivery: what, at });

function settled(what: Delivery, kind: 'ack' | 'release', result: SettleResult = 'ok'): HistoryEvent {
  return { kind: 'settled', act: { kind, delivery: what } as Settlement, result, at: 0 };
}

function check(history: readonly HistoryEvent[], remaining: readonly Peeked[] = []): readonly string[] {
  return checkHistory(history, { remaining, slackMs: 0 });
}

const unknown = new BackendUnavailableError('b', 'settle', 'no answer');
const a = delivery('a');
const twin = delivery('a', { ref: '2' });

describe('the checker accepts', () => {
  it.each<[string, readonly HistoryEvent[]]>([
    ['a message that is handled', [published('a', 's'), delivered(a), settled(a, 'ack')]],
    [
      'a redelivery with a higher attempt after the lease',
      [
        published('a', 's'),
        delivered(a),
        delivered(delivery('a', { attempt: 2 }), LEASE_MS),
        settled(a, 'ack', 'lost'),
        settled(a, 'ack', unknown),
      ],
    ],
    [
      'a release that counts nothing',
      [published('a', 's'), delivered(a), settled(a, 'release'), delivered(a, 1), settled(a, 'ack')],
    ],
    [
      'a duplicate that a fault explains',
      [
        published('a', 's'),
        { kind: 'fault', id: 'a', extra: 1 },
        delivered(a),
        settled(a, 'ack'),
        delivered(twin),
        settled(twin, 'ack'),
      ],
    ],
    ['a message that was purged', [published('a', 's'), { kind: 'purged', subscription: 's', count: 1 }]],
  ])('%s', (_what, history) => {
    expect(check(history)).toEqual([]);
  });

  it('a message that still lies there', () => {
    const remaining = [{ subscription: 's', id: 'a', state: 'ready' } as Peeked];
    expect(check([published('a', 's')], remaining)).toEqual([]);
  });
});

describe('the checker names', () => {
  it.each<[string, readonly HistoryEvent[], string]>([
    ['a confirmed message that is nowhere', [published('a', 's')], 's/a was confirmed and is nowhere'],
    [
      'a subscription that got none',
      [published('a', 's', 'other'), delivered(a), settled(a, 'ack')],
      'other/a was confirmed and is nowhere',
    ],
    ['a phantom', [delivered(a), settled(a, 'release')], 's/a was delivered although nobody sent it there'],
    [
      'a message in a foreign subscription',
      [published('a', 'other'), delivered(a)],
      's/a was delivered although nobody sent it there',
    ],
    [
      'a delivery after a confirmed acknowledgement',
      [published('a', 's'), delivered(a), settled(a, 'ack'), delivered(delivery('a', { attempt: 2 }), 500)],
      's/a was delivered after its end was confirmed',
    ],
    [
      'two holders',
      [published('a', 's'), delivered(a), delivered(delivery('a', { attempt: 2 }), LEASE_MS - 1)],
      's/a has two holders',
    ],
    [
      'two holders after the first one renewed',
      [
        published('a', 's'),
        delivered(a),
        { kind: 'settled', act: { kind: 'extend', delivery: a, leaseMs: LEASE_MS }, result: 'ok', at: 90 },
        delivered(delivery('a', { attempt: 2 }), LEASE_MS + 1),
      ],
      's/a has two holders',
    ],
    [
      'an attempt that does not rise',
      [published('a', 's'), delivered(a), delivered(delivery('a'), LEASE_MS)],
      's/a came again and its attempt went up by 0',
    ],
    [
      'a release that counts',
      [published('a', 's'), delivered(a), settled(a, 'release'), delivered(delivery('a', { attempt: 2 }))],
      's/a was released and its attempt went up by 1',
    ],
    [
      'a retry that comes too early',
      [
        published('a', 's'),
        delivered(a),
        {
          kind: 'settled',
          act: { kind: 'retry', delivery: a, delayMs: 50 } as Settlement,
          result: 'ok',
          at: 10,
        },
        delivered(delivery('a', { attempt: 2 }), 59),
      ],
      's/a came 1 ms before its delay was over',
    ],
    [
      'a settlement by a stale owner',
      [
        published('a', 's'),
        delivered(a),
        delivered(delivery('a', { attempt: 2 }), LEASE_MS),
        settled(a, 'ack'),
      ],
      's/a was settled by a delivery that had lost it',
    ],
    [
      'a confirmation that claims more copies than there are subscriptions',
      [{ ...published('a', 's'), result: { status: 'stored', copies: 3 } } as HistoryEvent],
      'a was stored 3 times for 1 subscriptions',
    ],
  ])('%s', (_what, history, sentence) => {
    expect(check(history)).toContainEqual(expect.stringContaining(sentence));
  });
});
