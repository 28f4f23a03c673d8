import type { PublishResult, Receiver } from '../backend/backend.js';
import type { Delivery } from '../message/delivery.js';
import { withoutHeader } from '../message/headers.js';
import { AlteredBackend } from './altered-backend.js';
import type { DelayStorePair } from './fixture.js';
import { type Mutant, mutant, publishing } from './mutant.js';

/** Mistakes with what is copied from one place to another. */
export const COPYING_MUTANTS: readonly Mutant[] = [
  {
    name: 'acknowledges a retry before it waits elsewhere',
    breaks: 'C9',
    alterDelayStore: acknowledgingFirst,
  },
  mutant(
    'counts the attempts of a retry that waited elsewhere anew',
    'C9a',
    publishing((message) => ({ ...message, headers: withoutHeader(message.headers, 'pp-retried') })),
  ),
  mutant('copies a message to the first of its subscriptions only', 'F1a', () => ({
    publish: async (batch, rightly) => {
      const isLeftOut = batch.map(({ id, topic }, at) => {
        return topic.startsWith('copies.') && batch.findIndex((other) => other.id === id) < at;
      });
      const results = (await rightly(batch.filter((_, at) => !isLeftOut[at]))).values();
      return isLeftOut.map((left) =>
        left ? { status: 'stored', copies: 1 } : (results.next().value as PublishResult),
      );
    },
  })),
];

function acknowledgingFirst({ inner, later }: DelayStorePair): DelayStorePair {
  const held = new Map<string, { readonly delivery: Delivery; readonly receiver: Receiver }>();
  return {
    inner: new AlteredBackend(inner, {
      receive: async (rightly, receiver) => {
        const deliveries = await rightly();
        for (const delivery of deliveries) held.set(delivery.id, { delivery, receiver });
        return deliveries;
      },
    }),
    later: new AlteredBackend(later, {
      publish: async (batch, rightly) => {
        for (const { id } of batch) {
          const { delivery, receiver } = held.get(id) ?? {};
          if (delivery !== undefined) await receiver?.settle([{ kind: 'ack', delivery }]);
        }
        return rightly(batch);
      },
    }),
  };
}
