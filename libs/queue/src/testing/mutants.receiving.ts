import type { Receiver, Settlement, SettleResult } from '../backend/backend.js';
import { ForwardingBackend, ForwardingReceiver } from '../backend/forwarding-backend.js';
import { BackendUnavailableError } from '../backend/backend.errors.js';
import type { SubscriptionSpec } from '../backend/topology.js';
import type { Delivery } from '../message/delivery.js';
import { openEnvelope } from '../message/envelope.js';
import { type Mutant, mutant, ok } from './mutant.js';

const ONLY_FIRST = 10;
const BUFFER = 10;

/** Mistakes between a broker and who receives from it. */
export const RECEIVING_MUTANTS: readonly Mutant[] = [
  mutant('never ends a lease', 'B6a', () => ({
    open: (spec) => ({ ...spec, leaseMs: 1_000 * spec.leaseMs }),
  })),
  mutant('answers that every settlement was done', 'B5', () => ({
    settle: async (acts, rightly) => {
      await rightly(acts);
      return ok(acts);
    },
  })),
  mutant('gives back every seventh message that was acknowledged', 'B10', () => {
    let count = 0;
    return {
      settle: (acts, rightly) =>
        rightly(
          acts.map((act) =>
            act.kind === 'ack' && ++count % 7 === 0 ? { kind: 'release', delivery: act.delivery } : act,
          ),
        ),
    };
  }),
  mutant('answers for every message of a batch as for the first', 'A4', () => ({
    publish: async (batch, rightly) => {
      const results = await rightly(batch);
      return results.map(() => results[0] as (typeof results)[0]);
    },
  })),
  mutant('mixes up the answers of a batch', 'A4', () => ({
    publish: async (batch, rightly) => (await rightly(batch)).toReversed(),
  })),
  mutant('stores what it refuses because its buffer is full', 'A9', () => ({
    publish: async (batch, rightly) => {
      const results = await rightly(batch);
      const error = new BackendUnavailableError('mutant', 'publish', 'its buffer is full');
      return results.map((result, at) => (at < BUFFER ? result : { status: 'refused', error }));
    },
  })),
  mutant('stops at a message that cannot be decoded', 'D3b', () => ({
    receive: async (rightly) => {
      const deliveries = await rightly();
      if (deliveries.some(isUndecodable))
        throw new BackendUnavailableError('mutant', 'receive', 'bad message');
      return deliveries;
    },
  })),
  mutant('skips a message that cannot be decoded', 'D3b', () => ({
    receive: async (rightly, receiver) => {
      const deliveries = await rightly();
      await receiver.settle(deliveries.filter(isUndecodable).map((delivery) => ({ kind: 'ack', delivery })));
      return deliveries.filter((delivery) => !isUndecodable(delivery));
    },
  })),
  mutant('finds only the first ten of what was abandoned', 'B4b', () => {
    const found = new Set<string>();
    return {
      receive: async (rightly) => {
        const deliveries = await rightly();
        return deliveries.filter(({ id, crashes }) => {
          if (crashes > 0 && found.size < ONLY_FIRST) found.add(id);
          return crashes === 0 || found.has(id);
        });
      },
    };
  }),
  mutant('extends a lease without looking whose it is', 'B6', () => {
    const owners = new Map<string, Delivery>();
    return {
      receive: async (rightly) => {
        const deliveries = await rightly();
        for (const delivery of deliveries) owners.set(delivery.id, delivery);
        return deliveries;
      },
      settle: (acts, rightly) => {
        const owner = ({ delivery }: Settlement): Delivery => owners.get(delivery.id) ?? delivery;
        return rightly(acts.map((act) => (act.kind === 'extend' ? { ...act, delivery: owner(act) } : act)));
      },
    };
  }),
  { name: 'hands out what another one is handling', breaks: 'G1', wrap: (backend) => new Stealing(backend) },
  {
    name: 'deletes with a receiver what it had not settled',
    breaks: 'B4',
    wrap: (backend) => new Deleting(backend),
  },
  {
    name: 'keeps delays in the memory of whoever asked for them',
    breaks: 'C6',
    wrap: (backend) => new Forgetful(backend),
  },
];

function isUndecodable(delivery: Delivery): boolean {
  try {
    openEnvelope(delivery);
    return false;
  } catch {
    return true;
  }
}

class Stealing extends ForwardingBackend {
  /** What receivers hold, and who. */
  readonly held = new Map<Delivery, Receiver>();

  override async open(spec: SubscriptionSpec): Promise<Receiver> {
    return new StealingReceiver(await this.inner.open(spec), this.held);
  }
}

class StealingReceiver extends ForwardingReceiver {
  constructor(
    inner: Receiver,
    private readonly held: Map<Delivery, Receiver>,
  ) {
    super(inner);
  }

  override async receive(max: number, signal: AbortSignal): Promise<readonly Delivery[]> {
    const stolen = [...this.held].filter(([, holder]) => holder !== this).map(([delivery]) => delivery);
    const deliveries = stolen.length > 0 ? stolen.slice(0, max) : await this.inner.receive(max, signal);
    for (const delivery of deliveries) this.held.set(delivery, this);
    return deliveries;
  }

  override settle(acts: readonly Settlement[]): Promise<readonly SettleResult[]> {
    for (const { kind, delivery } of acts) if (kind !== 'extend') this.held.delete(delivery);
    return this.inner.settle(acts);
  }
}

class Deleting extends ForwardingBackend {
  override async open(spec: SubscriptionSpec): Promise<Receiver> {
    return new DeletingReceiver(await this.inner.open(spec));
  }
}

class DeletingReceiver extends ForwardingReceiver {
  readonly #held = new Set<Delivery>();

  override async receive(max: number, signal: AbortSignal): Promise<readonly Delivery[]> {
    const deliveries = await this.inner.receive(max, signal);
    for (const delivery of deliveries) this.#held.add(delivery);
    return deliveries;
  }

  override async close(): Promise<void> {
    await this.inner.settle([...this.#held].map((delivery) => ({ kind: 'ack', delivery })));
    await this.inner.close();
  }
}

class Forgetful extends ForwardingBackend {
  override async open(spec: SubscriptionSpec): Promise<Receiver> {
    const forget = async (): Promise<void> => {
      const delayed = { kind: 'purge', subscription: spec.name, state: 'delayed' } as const;
      for await (const _ of this.inner.inspect(delayed)) continue;
    };
    return new ForgetfulReceiver(await this.inner.open(spec), forget);
  }
}

class ForgetfulReceiver extends ForwardingReceiver {
  constructor(
    inner: Receiver,
    private readonly forget: () => Promise<void>,
  ) {
    super(inner);
  }

  override async close(): Promise<void> {
    await this.forget();
    await this.inner.close();
  }
}
