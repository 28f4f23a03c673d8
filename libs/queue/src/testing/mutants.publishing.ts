import type { PublishResult } from '../backend/backend.js';
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
  mutant(
    'forgets to deduplicate',
    'J1',
    publishing((message) => ({ ...message, dedup: undefined })),
  ),
  mutant('takes a replay for a repeated publish', 'J2', () => {
    const seen = new Set<string>();
    return {
      publish: async (batch, rightly) => {
        const isKnown = batch.map(({ id, dedup }) => dedup !== undefined && seen.has(id));
        const results = (await rightly(batch.filter((_, at) => isKnown[at] === false))).values();
        for (const { id } of batch) seen.add(id);
        return isKnown.map((known) => (known ? DUPLICATE : (results.next().value as PublishResult)));
      },
    };
  }),
  mutant('remembers what it has refused', 'J1b', () => {
    const seen = new Set<string>();
    return {
      publish: async (batch, rightly) => {
        const results = await rightly(batch);
        return results.map((result, at) => {
          const { id, dedup } = batch[at] as Outgoing;
          const isKnown = dedup !== undefined && seen.has(id);
          seen.add(id);
          return isKnown ? DUPLICATE : result;
        });
      },
    };
  }),
];

const DUPLICATE: PublishResult = { status: 'stored', copies: 0, duplicate: true };
