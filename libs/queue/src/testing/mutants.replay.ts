import { ForwardingBackend } from '../backend/forwarding-backend.js';
import type { InspectQuery, Inspected } from '../backend/inspect.js';
import type { Outgoing } from '../message/outgoing.js';
import { REPLAY_COUNT_HEADER } from '../message/headers.js';
import { type Mutant, mutant, publishing } from './mutant.js';

/** Mistakes on the way back from the dead. */
export const REPLAY_MUTANTS: readonly Mutant[] = [
  mutant(
    'replays to every subscription',
    'D10',
    publishing((message) => (isReplay(message) ? { ...message, to: undefined } : message)),
  ),
  mutant('confirms a replay that it does not store', 'D10b', () => ({
    publish: (batch, rightly) =>
      batch.some(isReplay)
        ? Promise.resolve(batch.map(() => ({ status: 'stored', copies: 1 })))
        : rightly(batch),
  })),
  mutant(
    'forgets how often a message was replayed',
    'D12',
    publishing((message) => (isReplay(message) ? { ...message, headers: {} } : message)),
  ),
  {
    name: 'takes what it was only asked to show',
    breaks: 'D9',
    wrap: (backend) => new TakingBrowse(backend),
  },
  {
    name: 'removes every dead letter instead of the one that was named',
    breaks: 'D10a',
    wrap: (backend) => new PurgingAll(backend),
  },
  {
    name: 'removes dead letters that are still to be kept',
    breaks: 'D16',
    wrap: (backend) => new HastyExpiry(backend),
  },
];

function isReplay({ headers }: Outgoing): boolean {
  return REPLAY_COUNT_HEADER in headers;
}

class TakingBrowse extends ForwardingBackend {
  override async *inspect(query: InspectQuery): AsyncIterable<Inspected> {
    for await (const found of this.inner.inspect(query)) {
      yield found;
      if (found.kind !== 'message' || found.state !== 'dead') continue;
      const { subscription, ref } = found;
      for await (const _ of this.inner.inspect({ kind: 'purge', subscription, state: 'dead', ref })) continue;
    }
  }
}

class PurgingAll extends ForwardingBackend {
  override inspect(query: InspectQuery): AsyncIterable<Inspected> {
    if (query.kind !== 'purge') return this.inner.inspect(query);
    const { subscription, state } = query;
    return this.inner.inspect({ kind: 'purge', subscription, state });
  }
}

class HastyExpiry extends ForwardingBackend {
  override inspect(query: InspectQuery): AsyncIterable<Inspected> {
    return this.inner.inspect(query.kind === 'expire' ? { ...query, before: Infinity } : query);
  }
}
