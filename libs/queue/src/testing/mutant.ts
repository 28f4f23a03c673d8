import type { Backend, OpenedBackend, Settlement, SettleResult } from '../backend/backend.js';
import type { ConsumerOptions } from '../consume/consumer-options.js';
import type { Delivery } from '../message/delivery.js';
import type { Outgoing } from '../message/outgoing.js';
import { AlteredBackend, type Alterations } from './altered-backend.js';
import type { Store } from '../store/store.js';
import type { AlterDelayStore, AlterSql, BackendFixture, World } from './fixture.js';
import { memoryFixture } from './memory-fixture.js';

/** A mistake that a real messaging system has made, and a law that must notice it. */
export interface Mutant {
  readonly name: string;
  /** One of the laws that it breaks. */
  readonly breaks: string;
  /** The mistake of a backend. */
  readonly wrap?: (backend: Backend) => Backend;
  /** The mistake of a consumer. */
  readonly alter?: (options: ConsumerOptions) => ConsumerOptions;
  /** A mistake between an outbox or inbox and the application's database. */
  readonly alterSql?: AlterSql;
  /** A mistake of a delay store. */
  readonly alterDelayStore?: AlterDelayStore;
  /** A mistake of a store. Called once for each connection. */
  readonly alterStore?: (store: Store) => Store;
}

/** The memory backend, and consumers, with the mistake in them. */
export function mutatedFixture(mutant: Mutant): BackendFixture {
  const { wrap, alter, alterSql, alterDelayStore } = mutant;
  const fixture = memoryFixture({}, wrap, alter);
  const create = async (): Promise<World> => {
    const world = await fixture.create();
    const connect = async (): Promise<OpenedBackend> => alteredStore(await world.connect(), mutant);
    return { ...world, connect, alterSql, alterDelayStore };
  };
  return { ...fixture, create };
}

function alteredStore(opened: OpenedBackend, { alterStore }: Mutant): OpenedBackend {
  const { store } = opened;
  return alterStore === undefined || store === undefined ? opened : { ...opened, store: alterStore(store) };
}

export const mutant = (name: string, breaks: string, make: () => Alterations): Mutant => ({
  name,
  breaks,
  wrap: (backend) => new AlteredBackend(backend, make()),
});

/** The answer that all of it was done. */
export const ok = (acts: readonly Settlement[]): readonly SettleResult[] => acts.map(() => 'ok');

/** Settles the same deliveries in another way than asked. */
export const settlingAs = (change: (act: Settlement) => Settlement): (() => Alterations) => {
  return () => ({ settle: (acts, rightly) => rightly(acts.map(change)) });
};

/** Publishes other messages than asked. */
export const publishing = (change: (message: Outgoing) => Outgoing): (() => Alterations) => {
  return () => ({ publish: (batch, rightly) => rightly(batch.map(change)) });
};

/** The acknowledgement of the delivery that was to be settled. */
export function ack({ delivery }: Settlement): Settlement {
  return { kind: 'ack', delivery };
}

/** The delivered message as a publish of its own. */
export function outgoing({ id, topic, key, body, headers }: Delivery): Outgoing {
  return {
    id,
    topic,
    key,
    body,
    headers,
    to: undefined,
    delayMs: undefined,
    ttlMs: undefined,
    event: undefined,
  };
}
