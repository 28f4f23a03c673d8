import type { Receiver } from '../backend/backend.js';
import type { Delivery } from '../message/delivery.js';
import { withoutHeader } from '../message/headers.js';
import { AlteredBackend } from './altered-backend.js';
import type { DelayStorePair } from './fixture.js';
import { type Mutant, mutant, publishing } from './mutant.js';

/** Mistakes with what waits on another backend. */
export const DELAYING_MUTANTS: readonly Mutant[] = [
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
