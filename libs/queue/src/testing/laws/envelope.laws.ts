import { CODECS, encodeCloudEvent } from '../../message/codec.js';
import { decodeEvent } from '../../message/envelope.js';
import type { DomainEvent } from '../../message/event.js';
import { chainUpcasters, type Upcaster } from '../../policies/upcasters.js';
import { Upcasting } from '../../policies/upcasting.js';
import { Reject } from '../../policies/verdicts.js';
import type { Bus } from '../../publish/bus.js';
import { mustEqual } from '../expectations.js';
import type { Gate, Law } from '../law.js';
import { type LawBench, SUBSCRIPTION, TOPIC } from '../law-bench.js';
import { consume, drain, openBus } from '../law-consumer.js';

const REPLAYS: Gate = {
  needs: 'dead letters that can be replayed',
  met: ({ dead, browse, lane }) => dead !== 'none' && browse && lane,
};

const TRACE = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';
const PAYLOADS: readonly unknown[] = [
  { text: 'line\n"ü" % %41 € 😀', deep: [[{ a: null }]] },
  'a text',
  '{"not":"parsed twice"}',
  null,
  Uint8Array.of(0xff, 0x00, 0x7b),
];

/** An event of another system, with what only that system knows. */
const FOREIGN: DomainEvent = Object.freeze({
  event_type: 'com.example.order',
  aggregate_id: 'o-1',
  data: { total: 5 },
  event_id: 'foreign/1',
  source: 'https://example.org/shop',
  timestamp: '2030-04-05T17:31:00.123456789+02:00',
  schema_version: '3',
  correlation_id: 'c-1',
  idempotency_key: 'intent-1',
  causation_id: 'cause-1',
  tenant: 'acme',
  traceparent: TRACE,
  extensions: { sequence: '0001', odd: '100 % "ü"', authtype: 'user' },
});

interface Seen {
  readonly event: unknown;
  readonly attempt: number;
}

/** Fails twice, the second time for good; then takes it. Answers what the handler saw, each time. */
async function failDieReplay(
  bench: LawBench,
  bus: Bus,
  id: string,
  after?: () => Promise<unknown>,
): Promise<readonly Seen[]> {
  const seen: Seen[] = [];
  const running = await consume(bench, {
    policies: { raw: false },
    handle: async ({ event, attempt }) => {
      seen.push({ event: JSON.parse(JSON.stringify(event)) as unknown, attempt });
      if (seen.length === 1) throw new TypeError('once');
      if (seen.length === 2) throw new Reject('for good');
      await after?.();
    },
  });
  await bench.time.until(() => running.settled.includes('dead'), 5_000);
  await bus.deadLetters(SUBSCRIPTION).replay(id);
  await bench.time.until(() => running.settled.includes('ack'), 5_000);
  await drain(bench, running);
  return seen;
}

function byText(one: unknown, other: unknown): number {
  return JSON.stringify(one) < JSON.stringify(other) ? -1 : 1;
}

/** K: the envelope, in whatever form. */
export const ENVELOPE_LAWS: readonly Law[] = [
  {
    id: 'K1',
    title: 'an event comes back equal in every form: our own, structured and binary CloudEvents',
    does: async (bench) => {
      for (const codec of CODECS) {
        const got: unknown[] = [];
        const running = await consume(bench, {
          policies: { raw: false, concurrency: 1 },
          handle: ({ event, headers }) =>
            void got.push([event?.data, event?.tenant, event?.extensions?.['odd'], headers['mine']]),
        });
        const bus = openBus(bench, bench.backend, codec);
        const options = { tenant: 'ü %', extensions: { odd: '100 % "ü" €' }, headers: { mine: 'kept' } };
        for (const data of PAYLOADS) await bus.publish(TOPIC, data, options);
        await bench.time.until(() => running.settled.length === PAYLOADS.length, 3_000);
        await drain(bench, running);
        const wanted = PAYLOADS.map((data) => [data, options.tenant, options.extensions.odd, 'kept']);
        mustEqual(got.toSorted(byText), wanted.toSorted(byText), `what was read from ${codec}`);
      }
    },
  },
  {
    id: 'K2',
    title:
      'trace, correlation and cause hold from a publish over retry, dead letter and replay to what the handler publishes',
    gate: REPLAYS,
    does: async (bench) => {
      await bench.ensure({ 'laws.next': ['laws.next'] });
      const next: (DomainEvent | undefined)[] = [];
      await consume(bench, {
        subscription: 'laws.next',
        policies: { raw: false },
        handle: ({ event }) => void next.push(event),
      });
      const bus = openBus(bench);
      await bus.publish(TOPIC, 1, {
        id: 'k2',
        traceparent: TRACE,
        correlationId: 'c',
        causationId: 'before',
        tenant: 'acme',
      });
      const seen = await failDieReplay(bench, bus, 'k2', () => bus.publish('laws.next', 2));
      await bench.time.until(() => next.length === 1, 3_000);
      for (const { event } of seen) {
        const { traceparent, correlation_id, causation_id } = event as DomainEvent;
        mustEqual(
          [traceparent, correlation_id, causation_id],
          [TRACE, 'c', 'before'],
          'what the handler saw',
        );
      }
      const [after] = next;
      mustEqual(
        [after?.traceparent, after?.correlation_id, after?.causation_id, after?.tenant],
        [TRACE, 'c', 'k2', 'acme'],
        'what its own event says',
      );
    },
  },
  {
    id: 'K3',
    title:
      'an old event reaches its handler in the new shape, and one that nothing leads to is dead with its bytes unchanged',
    gate: {
      needs: 'dead letters that can be browsed',
      met: ({ dead, browse }) => dead !== 'none' && browse !== 'none',
    },
    does: async (bench) => {
      const rename: Upcaster = {
        type: TOPIC,
        from: '1',
        to: '2',
        up: (data) => ({ name: (data as { n: string }).n }),
      };
      const seen: unknown[] = [];
      const running = await consume(bench, {
        policies: { raw: false, upcasting: new Upcasting(chainUpcasters([rename]), '2') },
        handle: ({ data, event }) => void seen.push([data, event?.schema_version]),
      });
      const bus = openBus(bench);
      await bus.publish(TOPIC, { n: 'ada' });
      await bus.publish(TOPIC, { name: 'bob' }, { schemaVersion: '2' });
      await bus.publish(TOPIC, { names: [] }, { schemaVersion: '3' });
      await bus.publish(TOPIC, null);
      await bench.time.until(() => running.settled.length === 4, 3_000);
      mustEqual(
        seen.toSorted(byText),
        [
          [{ name: 'ada' }, '2'],
          [{ name: 'bob' }, '2'],
        ],
        'what the handler saw',
      );
      const dead = await bench.browse('dead');
      const reasons = dead.map(({ failures }) => failures.map(({ reason }) => reason).join());
      mustEqual(reasons.toSorted(), ['unknown_version', 'upcast_error'], 'the reasons of the dead letters');
      const kept = dead.map(({ body }) => decodeEvent(body).data);
      mustEqual(kept.toSorted(byText), [null, { names: [] }].toSorted(byText), 'what the dead letters hold');
    },
  },
  {
    id: 'K4',
    title: 'what only the sender of a CloudEvent knows survives retry, dead letter and replay',
    gate: REPLAYS,
    does: async (bench) => {
      for (const codec of ['cloudevents-structured', 'cloudevents-binary'] as const) {
        const bus = openBus(bench);
        const { body, headers } = encodeCloudEvent(codec, FOREIGN);
        await bus.publishRaw(TOPIC, body, { id: codec, headers });
        const seen = await failDieReplay(bench, bus, codec);
        mustEqual(
          seen.map(({ event }) => event),
          Array.from({ length: 3 }, () => FOREIGN),
          'what the handler saw',
        );
      }
    },
  },
];
