import { ForwardingBackend } from '../backend/forwarding-backend.js';
import type { Drift, Topology } from '../backend/topology.js';
import type { Mutant } from './mutant.js';

/** Mistakes with who gets what. */
export const HANDLING_MUTANTS: readonly Mutant[] = [
  { name: 'takes one word for any number of words', breaks: 'F7', wrap: (backend) => new Widened(backend) },
  {
    name: 'gives a copy for each pattern that matches',
    breaks: 'F7',
    wrap: (backend) => new Repeated(backend),
  },
];

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
