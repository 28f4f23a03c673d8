import { ForwardingBackend } from '../backend/forwarding-backend.js';
import type { Drift, Topology } from '../backend/topology.js';
import type { ConsumerOptions } from '../consume/consumer-options.js';
import { Release } from '../policies/verdicts.js';
import type { Mutant } from './mutant.js';

/** Mistakes with who gets what. */
export const HANDLING_MUTANTS: readonly Mutant[] = [
  { name: 'takes one word for any number of words', breaks: 'F7', wrap: (backend) => new Widened(backend) },
  {
    name: 'gives a copy for each pattern that matches',
    breaks: 'F7',
    wrap: (backend) => new Repeated(backend),
  },
  {
    name: 'handles at least once what is to be handled at most once',
    breaks: 'B4a',
    alter: (options) => ({ ...options, policies: { ...options.policies, delivery: 'at-least-once' } }),
  },
  {
    name: 'ignores what failed in a batch',
    breaks: 'H5',
    alter: (options) => withItems(options, () => undefined),
  },
  {
    name: 'counts what a batch gave back as a failure',
    breaks: 'H5a',
    alter: (options) =>
      withItems(options, (error) => {
        throw error instanceof Release ? new RangeError('was not handled') : error;
      }),
  },
];

/** Does something else when a message of a batch was not accepted. */
function withItems(options: ConsumerOptions, refused: (error: unknown) => void): ConsumerOptions {
  const { handler } = options;
  return {
    ...options,
    handler: {
      name: handler.name,
      takes: handler.takes,
      giveBack: () => handler.giveBack?.(),
      handle: (context) => Promise.resolve(handler.handle(context)).catch(refused),
    },
  };
}

class Widened extends ForwardingBackend {
  override ensure({ subscriptions }: Topology, mode: 'create' | 'check'): Promise<readonly Drift[]> {
    const widened = subscriptions.map((each) => ({
      ...each,
      topics: each.topics.map((topic) => topic.replace(/\.\*.*$/, '.#')),
    }));
    return this.inner.ensure({ subscriptions: widened }, mode);
  }
}

class Repeated extends ForwardingBackend {
  override async publish(...[batch, call]: Parameters<ForwardingBackend['publish']>) {
    const results = await this.inner.publish(batch, call);
    await this.inner.publish(
      batch
        .filter(({ topic }) => topic === 'wild.eu.placed')
        .map((message) => ({ ...message, to: 'laws.all' })),
    );
    return results;
  }
}
