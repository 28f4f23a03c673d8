import type { Backend, PublishResult } from '../../backend/backend.js';
import { byteLength } from '../../message/body.js';
import type { Outgoing } from '../../message/outgoing.js';
import { codeOf, must, mustEqual } from '../expectations.js';
import type { Law } from '../law.js';
import { SUBSCRIPTION, TOPIC } from '../law-bench.js';
import { ProcessView } from '../process-view.js';

const PUBLISHERS = 50;
const PER_PUBLISHER = 100;

/** A: what a resolved publish means. */
export const PUBLISH_LAWS: readonly Law[] = [
  {
    id: 'A1',
    title: 'a confirmed message outlives its publisher',
    proves: ['confirm'],
    gate: { needs: 'confirmed publishes', met: ({ confirm }) => confirm !== 'none' },
    does: async (bench) => {
      const publisher = new ProcessView(await bench.connect());
      const message = bench.message();
      const results = await publisher.publish([message]);
      publisher.kill();
      const copies =
        bench.capabilities.depth === 'exact' ? 1 : results[0]?.status === 'stored' && results[0].copies;
      mustEqual(results, [{ status: 'stored', copies }], 'the confirmation');
      must(copies === 1 || copies === undefined, 'who does not count its copies does not make them up');
      const receiver = await bench.receiver();
      const delivery = await bench.takeOne(receiver);
      mustEqual(delivery.id, message.id, 'the delivered message');
      await bench.ack(receiver, delivery);
    },
  },
  {
    id: 'A2',
    title: 'confirmed messages survive a restart of everything',
    proves: ['durable'],
    gate: { needs: 'durability beyond the process', met: ({ durable }) => durable !== 'process' },
    does: async (bench) => {
      const ids = await bench.publish(...bench.messages(20));
      await bench.reconnect();
      const receiver = await bench.receiver();
      const deliveries = await bench.take(receiver, ids.length);
      mustEqual(sortedIds(deliveries), [...ids].sort(), 'what is there after the restart');
      await bench.ack(receiver, ...deliveries);
    },
  },
  {
    id: 'A3',
    title: 'a message that nobody would get is refused, by topic and by lane',
    proves: ['confirm'],
    gate: { needs: 'routed confirms', met: ({ confirm }) => confirm === 'routed' },
    does: async (bench) => {
      const [byTopic, byLane] = await bench.tryPublish(
        bench.message({ topic: 'laws.nobody' }),
        bench.message({ to: 'laws.nobody' }),
      );
      mustEqual([refusal(byTopic), refusal(byLane)], ['unroutable', 'unroutable'], 'the answers');
    },
  },
  {
    id: 'A4',
    title: 'one bad message in a batch of ten does not touch the other nine',
    proves: ['batch'],
    gate: { needs: 'batches', met: ({ batch }) => batch.publish >= 10 },
    does: async (bench) => {
      const batch = [...bench.messages(10)];
      batch[4] = bench.message({ topic: 'laws.nobody' });
      const results = await bench.tryPublish(...batch);
      const statuses = results.map(({ status }) => status);
      mustEqual(
        statuses,
        batch.map((_, at) => (at === 4 ? 'refused' : 'stored')),
        'the answers',
      );
      const receiver = await bench.receiver();
      const deliveries = await bench.take(receiver, 9);
      mustEqual(
        sortedIds(deliveries),
        batch
          .filter((_, at) => at !== 4)
          .map(({ id }) => id)
          .sort(),
        'the deliveries',
      );
      await bench.ack(receiver, ...deliveries);
    },
  },
  {
    id: 'A12',
    title: 'calls that are under way at once answer for each of their messages, and lose none',
    proves: ['batch'],
    gate: { needs: 'batches', met: ({ batch }) => batch.publish >= 10 },
    does: async (bench) => {
      const calls = Array.from({ length: 5 }, () => [...bench.messages(10)]);
      const bad = bench.message({ topic: 'laws.nobody' });
      (calls[2] as Outgoing[])[4] = bad;
      const answers = await Promise.all(calls.map((batch) => publishAtOnce(bench.backend, batch)));
      const sent = calls.flat();
      mustEqual(
        answers.flat().map(({ status }) => status),
        sent.map((message) => (message === bad ? 'refused' : 'stored')),
        'the answers',
      );
      const receiver = await bench.receiver();
      const deliveries = await bench.take(receiver, sent.length - 1);
      const stored = sent.filter((message) => message !== bad);
      mustEqual(sortedIds(deliveries), sortedIds(stored), 'the deliveries');
      await bench.ack(receiver, ...deliveries);
    },
  },
  {
    id: 'A5',
    title: 'the largest body goes through whole, and one byte more is refused',
    proves: ['maxBytes'],
    does: async (bench) => {
      const { maxBytes } = bench.capabilities;
      const largest = new Uint8Array(maxBytes).fill(120);
      const text = `${'x'.repeat(maxBytes - 3)}€`;
      const over = await bench.tryPublish(
        bench.message({ body: new Uint8Array(maxBytes + 1) }),
        bench.message({ body: `${text}x` }),
      );
      mustEqual(
        over.map(refusal),
        ['payload_too_large', 'payload_too_large'],
        'the answers to one byte more',
      );
      await bench.publish(bench.message({ body: largest }), bench.message({ body: text }));
      const receiver = await bench.receiver();
      const deliveries = await bench.take(receiver, 2);
      mustEqual(
        deliveries.map(({ body }) => byteLength(body)),
        [maxBytes, maxBytes],
        'the delivered sizes',
      );
      await bench.ack(receiver, ...deliveries);
    },
  },
  {
    id: 'A8',
    title: 'publishing on a closed backend is refused as closed',
    does: async (bench) => {
      await bench.backend.close(new Date(bench.ambient.clock.now()));
      const error = await bench.backend.publish([bench.message()]).then(
        () => 'stored',
        (thrown: unknown) => thrown,
      );
      mustEqual(codeOf(error), 'closed', 'the error');
      await bench.reconnect();
    },
  },
  {
    id: 'A9',
    title: `${PUBLISHERS} publishers with ${PER_PUBLISHER} messages each lose none`,
    proves: ['confirm'],
    does: async (bench) => {
      const publisher = async (): Promise<void> => {
        for (let sent = 0; sent < PER_PUBLISHER; sent += 20) await bench.publish(...bench.messages(20));
      };
      await Promise.all(Array.from({ length: PUBLISHERS }, publisher));
      const receiver = await bench.receiver();
      const seen = new Set<string>();
      while (seen.size < PUBLISHERS * PER_PUBLISHER) {
        const deliveries = await bench.take(receiver, Math.min(500, PUBLISHERS * PER_PUBLISHER - seen.size));
        for (const { id } of deliveries) seen.add(id);
        await bench.ack(receiver, ...deliveries);
      }
    },
  },
  {
    id: 'A11',
    title: 'a subscription gets what was published before its first consumer ever started',
    proves: ['fanout'],
    gate: { needs: 'named fan-out', met: ({ fanout }) => fanout === 'named' },
    does: async (bench) => {
      await bench.ensure({ 'laws.early': [TOPIC] });
      const [id] = await bench.publish(bench.message());
      for (const name of [SUBSCRIPTION, 'laws.early']) {
        const receiver = await bench.receiver(name);
        const delivery = await bench.takeOne(receiver);
        mustEqual([delivery.id, delivery.subscription], [id, name], 'the delivery');
        await bench.ack(receiver, delivery);
      }
    },
  },
  {
    id: 'F6',
    title: 'a message to one subscription reaches no other',
    proves: ['lane'],
    gate: { needs: 'lanes', met: ({ lane }) => lane },
    does: async (bench) => {
      await bench.ensure({ 'laws.other': [TOPIC] });
      const [id] = await bench.publish(bench.message({ to: SUBSCRIPTION }));
      const receiver = await bench.receiver();
      const delivery = await bench.takeOne(receiver);
      mustEqual(delivery.id, id, 'the delivered message');
      mustEqual((await bench.depth('laws.other')).ready, 0, 'what the other subscription got');
      await bench.ack(receiver, delivery);
    },
    refuses: async (bench) => {
      const [result] = await bench.tryPublish(bench.message({ to: SUBSCRIPTION }));
      mustEqual(refusal(result), 'unsupported', 'the answer');
    },
  },
  {
    id: 'F9',
    title: 'ten starters ensure one topology at once, and a check reports drift without mending it',
    does: async (bench) => {
      const topology = { subscriptions: [{ name: 'laws.ensured', topics: [TOPIC, 'laws.second'] }] };
      const create = () => bench.backend.ensure(topology, 'create');
      await Promise.all(Array.from({ length: 10 }, create));
      const declared = { subscriptions: [{ name: 'laws.ensured', topics: [TOPIC, 'laws.third'] }] };
      for (let look = 0; look < 2; look++) {
        const drift = await bench.backend.ensure(declared, 'check');
        mustEqual(
          drift.map(({ kind, topic }) => `${kind} ${topic}`).sort(),
          ['extra-topic laws.second', 'missing-topic laws.third'],
          'the drift',
        );
      }
      mustEqual(await bench.backend.ensure(topology, 'check'), [], 'the drift of what was created');
    },
  },
];

/** In the way that a bus uses. */
function publishAtOnce(backend: Backend, batch: readonly Outgoing[]): Promise<readonly PublishResult[]> {
  const { publishEach } = backend;
  if (publishEach === undefined) return backend.publish(batch);
  const results: PublishResult[] = [];
  let left = batch.length;
  return new Promise((resolve) => {
    const answered = (at: number, result: PublishResult): void => {
      results[at] = result;
      if (--left === 0) resolve(results);
    };
    publishEach.call(backend, batch, { answered });
  });
}

function refusal(result: PublishResult | undefined): string {
  return result?.status === 'refused' ? codeOf(result.error) : String(result?.status);
}

function sortedIds(of: readonly { readonly id: string }[]): string[] {
  return of.map(({ id }) => id).sort();
}
