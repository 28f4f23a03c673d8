import type { Outgoing } from '../message/outgoing.js';
import { ack, type Mutant, mutant, outgoing, publishing } from './mutant.js';

/** Mistakes with what a publish can ask for. */
export const PUBLISHING_MUTANTS: readonly Mutant[] = [
  mutant(
    'forgets priorities',
    'H11',
    publishing((message) => ({ ...message, priority: undefined })),
  ),
  mutant('lets a retry forget its priority', 'H11a', () => {
    let publish: ((batch: readonly Outgoing[]) => Promise<unknown>) | undefined;
    return {
      publish: (batch, rightly) => {
        publish = rightly;
        return rightly(batch);
      },
      settle: async (acts, rightly) => {
        for (const { kind, delivery } of acts) {
          if (kind === 'retry') await publish?.([{ ...outgoing(delivery), to: delivery.subscription }]);
        }
        return rightly(acts.map((act) => (act.kind === 'retry' ? ack(act) : act)));
      },
    };
  }),
];
