import { BackendUnavailableError, SubscriptionFullError } from '../backend/backend.errors.js';
import type { Inspected, InspectQuery } from '../backend/inspect.js';
import type { Drift, Topology } from '../backend/topology.js';
import type { Backend, PublishResult } from '../backend/backend.js';
import type { Outgoing } from '../message/outgoing.js';
import { AlteredBackend } from './altered-backend.js';
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
  mutant('stores beyond a bound', 'A10a', () => ({
    publish: async (batch, rightly) => {
      const results = await rightly(batch);
      return results.map((result) => (isFull(result) ? { status: 'stored', copies: 2 } : result));
    },
  })),
  mutant('drops in silence when it is full', 'A10c', () => ({
    publish: async (batch, rightly) => {
      const results = await rightly(batch);
      return results.map((result) =>
        result.status === 'stored' ? { status: 'stored', copies: result.copies } : result,
      );
    },
  })),
  mutant('refuses what should wait for room', 'A10', () => ({
    publish: async (batch, rightly) => {
      const results = await rightly(batch);
      return results.map((result) => (isFull(result) ? { status: 'refused', error: NO_ROOM } : result));
    },
  })),
  {
    name: 'forgets to hand over what was retained',
    breaks: 'F2',
    wrap: (backend) => new Forgetful(backend),
  },
  { name: 'says that it cancelled and does not', breaks: 'C11', wrap: (backend) => new Stubborn(backend) },
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

/** Every subscription starts with the latest. */
class Forgetful extends AlteredBackend {
  constructor(inner: Backend) {
    super(inner, {});
  }

  override ensure(topology: Topology, mode: 'create' | 'check'): Promise<readonly Drift[]> {
    const subscriptions = topology.subscriptions.map((each) => ({ ...each, start: undefined }));
    return super.ensure({ ...topology, subscriptions }, mode);
  }
}

class Stubborn extends AlteredBackend {
  constructor(inner: Backend) {
    super(inner, {});
  }

  override async *inspect(query: InspectQuery): AsyncIterable<Inspected> {
    if (query.kind === 'cancel') yield { kind: 'purged', count: 2 };
    else yield* super.inspect(query);
  }
}

const NO_ROOM = new BackendUnavailableError('mutant', 'publish', 'there is no room');

function isFull(result: PublishResult): boolean {
  return result.status === 'refused' && result.error instanceof SubscriptionFullError;
}

const DUPLICATE: PublishResult = { status: 'stored', copies: 0, duplicate: true };
