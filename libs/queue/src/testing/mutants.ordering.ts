import { type KeyOrder, STRICT_ORDER } from '../backend/key-order.js';
import type { Outgoing } from '../message/outgoing.js';
import type { Alterations } from './altered-backend.js';
import { ack, type Mutant, mutant, outgoing, publishing } from './mutant.js';

/** Mistakes with the order of keys. */
export const ORDERING_MUTANTS: readonly Mutant[] = [
  mutant(
    'does not look at keys',
    'E2',
    publishing((message) => ({ ...message, key: undefined })),
  ),
  mutant('lets the key of a failed message go on', 'E4', opening({ onRetry: 'breaks' })),
  mutant('lets the key of a dead letter go on', 'E6a', opening({ onDead: 'skip' })),
  mutant('puts what is given back behind the others of its key', 'E5b', requeueing('release')),
  mutant('puts what failed behind the others of its key', 'E5', requeueing('retry')),
  mutant('puts what a dead process held behind the others of its key', 'E7', () => {
    const publisher = new Publisher();
    return {
      publish: publisher.publish,
      receive: async (rightly, receiver) => {
        const deliveries = await rightly();
        const crashed = deliveries.filter(({ crashes }) => crashes > 0);
        for (const delivery of crashed) await publisher.again({ kind: 'ack', delivery });
        await receiver.settle(crashed.map((delivery) => ({ kind: 'ack', delivery })));
        return deliveries.filter(({ crashes }) => crashes === 0);
      },
    };
  }),
];

/** Opens subscriptions with another order than asked. */
function opening(change: Partial<KeyOrder>): () => Alterations {
  return () => ({ open: (spec) => ({ ...spec, order: { ...STRICT_ORDER, ...spec.order, ...change } }) });
}

/** Publishes a message anew instead of keeping its turn. */
function requeueing(kind: 'release' | 'retry'): () => Alterations {
  return () => {
    const publisher = new Publisher();
    return {
      publish: publisher.publish,
      settle: async (acts, rightly) => {
        for (const act of acts) if (act.kind === kind) await publisher.again(act);
        return rightly(acts.map((act) => (act.kind === kind ? ack(act) : act)));
      },
    };
  };
}

/** Remembers how to publish from the last publish it saw. */
class Publisher {
  #rightly: ((batch: readonly Outgoing[]) => Promise<unknown>) | undefined;

  readonly publish: NonNullable<Alterations['publish']> = (batch, rightly) => {
    this.#rightly = rightly;
    return rightly(batch);
  };

  async again({ delivery }: Parameters<typeof ack>[0]): Promise<void> {
    await this.#rightly?.([{ ...outgoing(delivery), to: delivery.subscription }]);
  }
}
