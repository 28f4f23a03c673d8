import type { Delivery } from '../message/delivery.js';
import type { Outgoing } from '../message/outgoing.js';
import { ack, type Mutant, mutant, ok, outgoing, publishing, settlingAs } from './mutant.js';
import { CONSUMING_MUTANTS } from './mutants.consuming.js';
import { COPYING_MUTANTS } from './mutants.copying.js';
import { ENVELOPE_MUTANTS } from './mutants.envelope.js';
import { HANDLING_MUTANTS } from './mutants.handling.js';
import { ORDERING_MUTANTS } from './mutants.ordering.js';
import { OUTBOX_MUTANTS } from './mutants.outbox.js';
import { PUBLISHING_MUTANTS } from './mutants.publishing.js';
import { RECEIVING_MUTANTS } from './mutants.receiving.js';
import { REMEMBERING_MUTANTS } from './mutants.remembering.js';
import { REPLAY_MUTANTS } from './mutants.replay.js';

/** The laws are worth what they catch: each of these must break at least one. */
export const MUTANTS: readonly Mutant[] = [
  mutant('acknowledges before the handler', 'B4', () => ({
    receive: async (rightly, receiver) => {
      const deliveries = await rightly();
      await receiver.settle(deliveries.map((delivery) => ({ kind: 'ack', delivery })));
      return deliveries;
    },
    settle: async (acts) => ok(acts),
  })),
  mutant('drops one message in 500', 'A9', () => {
    let count = 0;
    return {
      publish: async (batch, rightly) => {
        const kept = batch.filter(() => ++count % 500 !== 0);
        const results = await rightly(kept);
        return batch.map((message) => results[kept.indexOf(message)] ?? { status: 'stored', copies: 1 });
      },
    };
  }),
  mutant('does not check who owns a delivery', 'B6', () => {
    const owners = new Map<string, Delivery>();
    return {
      receive: async (rightly) => {
        const deliveries = await rightly();
        for (const delivery of deliveries) owners.set(delivery.id, delivery);
        return deliveries;
      },
      settle: (acts, rightly) =>
        rightly(acts.map((act) => ({ ...act, delivery: owners.get(act.delivery.id) ?? act.delivery }))),
    };
  }),
  mutant(
    'forgets delays of retries',
    'C1',
    settlingAs((act) => (act.kind === 'retry' ? { ...act, delayMs: 0 } : act)),
  ),
  mutant(
    'forgets delays of publishes',
    'C1a',
    publishing((message) => ({ ...message, delayMs: undefined })),
  ),
  mutant(
    'acknowledges on failure',
    'C1',
    settlingAs((act) => (act.kind === 'retry' ? ack(act) : act)),
  ),
  mutant(
    'throws dead letters away',
    'D8',
    settlingAs((act) => (act.kind === 'dead' ? ack(act) : act)),
  ),
  mutant(
    'retries what is dead',
    'D7a',
    settlingAs((act) => (act.kind === 'dead' ? { ...act, kind: 'retry', delayMs: 0 } : act)),
  ),
  mutant('counts a release as a crash', 'B9', () => ({
    settle: async (acts, rightly) => {
      await rightly(acts.filter(({ kind }) => kind !== 'release'));
      return ok(acts);
    },
  })),
  mutant('says that it renewed a lease and does not', 'G1a', () => ({
    settle: async (acts, rightly) => {
      const others = acts.filter(({ kind }) => kind !== 'extend');
      const results = await rightly(others);
      return acts.map((act) => results[others.indexOf(act)] ?? 'ok');
    },
  })),
  mutant('retries to every subscription', 'C8', () => {
    let publish: ((batch: readonly Outgoing[]) => Promise<unknown>) | undefined;
    return {
      publish: (batch, rightly) => {
        publish = rightly;
        return rightly(batch);
      },
      settle: async (acts, rightly) => {
        for (const act of acts) if (act.kind === 'retry') await publish?.([outgoing(act.delivery)]);
        return rightly(acts.map((act) => (act.kind === 'retry' ? ack(act) : act)));
      },
    };
  }),
  mutant('stores everything twice', 'B3', () => ({
    publish: async (batch, rightly) => {
      await rightly(batch);
      return rightly(batch);
    },
  })),
  mutant('confirms what nobody gets', 'A3', () => ({
    publish: async (batch, rightly) => {
      const results = await rightly(batch);
      return results.map((result) =>
        result.status === 'refused' ? { status: 'stored', copies: 0 } : result,
      );
    },
  })),
  mutant(
    'keeps expired messages',
    'H12',
    publishing((message) => ({ ...message, ttlMs: undefined })),
  ),
  mutant(
    'sends to every subscription what was meant for one',
    'F6',
    publishing((message) => ({ ...message, to: undefined })),
  ),
  mutant(
    'reads bytes as text',
    'B1',
    publishing((message) => ({ ...message, body: Buffer.from(message.body).toString() })),
  ),
  mutant('cuts leases in half', 'G2a', () => ({ open: (spec) => ({ ...spec, leaseMs: spec.leaseMs / 2 }) })),
  mutant('acknowledges everything up to the one acknowledged', 'B8', () => {
    const seen: Delivery[] = [];
    return {
      receive: async (rightly) => {
        const deliveries = await rightly();
        seen.push(...deliveries);
        return deliveries;
      },
      settle: async (acts, rightly) => {
        const results = await rightly(acts);
        for (const { kind, delivery } of acts) {
          if (kind !== 'ack') continue;
          const earlier = seen.splice(0, seen.indexOf(delivery) + 1);
          await rightly(earlier.map((each) => ({ kind: 'ack', delivery: each })));
        }
        return results;
      },
    };
  }),
  mutant('fails a whole batch for one bad message', 'A4', () => ({
    publish: async (batch, rightly) => {
      const results = await rightly(batch);
      const bad = results.find(({ status }) => status === 'refused');
      return bad === undefined ? results : batch.map(() => bad);
    },
  })),
  mutant('keeps the subscriptions of those who are gone', 'F8', () => ({
    ensure: ({ subscriptions }) => ({
      subscriptions: subscriptions.map(({ name, topics }) => ({ name, topics })),
    }),
  })),
  mutant('brings more than was asked for', 'H2a', () => ({
    receive: async (rightly) => [...(await rightly()), ...(await Promise.race([rightly(), nothing()]))],
  })),
  ...HANDLING_MUTANTS,
  ...RECEIVING_MUTANTS,
  ...CONSUMING_MUTANTS,
  ...PUBLISHING_MUTANTS,
  ...REPLAY_MUTANTS,
  ...ORDERING_MUTANTS,
  ...ENVELOPE_MUTANTS,
  ...OUTBOX_MUTANTS,
  ...COPYING_MUTANTS,
  ...REMEMBERING_MUTANTS,
];

async function nothing(): Promise<readonly Delivery[]> {
  return [];
}
