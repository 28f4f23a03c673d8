import { brokerUrl, describeWith } from '../broker-url.js';
import { LEASE_MS, OpenedBackends } from './opened.js';

const LONG_MS = 10_000;

describeWith('postgres', 'a round of many acknowledgements and a claim', () => {
  let backends: OpenedBackends;

  beforeEach(() => (backends = new OpenedBackends(brokerUrl('postgres'))));
  afterEach(() => backends.dispose());

  it.each([2, 4])('takes what is next and removes what is done, with %i connections', async (poolSize) => {
    const backend = await backends.openWith({}, { poolSize });
    const messages = Array.from({ length: 600 }, () => backends.message());
    await backend.publish(messages);
    const receiver = await backend.open({ name: 'work', topics: [], leaseMs: 6 * LEASE_MS });
    const seen: string[] = [];
    let inHand = await receiver.receive(200, AbortSignal.timeout(LONG_MS));
    while (inHand.length > 0) {
      seen.push(...inHand.map(({ id }) => id));
      const stop = AbortSignal.timeout(seen.length < messages.length ? LONG_MS : 100);
      const [next, results] = await Promise.all([
        receiver.receive(200, stop),
        receiver.settle(inHand.map((delivery) => ({ kind: 'ack', delivery }))),
      ]);
      expect(new Set(results)).toEqual(new Set(['ok']));
      inHand = next;
    }
    expect(seen).toEqual(messages.map(({ id }) => id));
    expect(await backends.sql('SELECT count(*)::int AS left FROM {s}.messages')).toEqual([{ left: 0 }]);
    await receiver.close();
  });

  it('tells of one whose lease another one has by now', async () => {
    const backend = await backends.openWith();
    await backend.publish(Array.from({ length: 100 }, () => backends.message()));
    const receiver = await backend.open({ name: 'work', topics: [], leaseMs: 6 * LEASE_MS });
    const inHand = await receiver.receive(100, AbortSignal.timeout(LONG_MS));
    const lost = inHand[41]?.ref;
    await backends.sql(`UPDATE {s}.messages SET token = token + 1 WHERE seq = ${lost}`);
    const [, results] = await Promise.all([
      receiver.receive(100, AbortSignal.timeout(100)),
      receiver.settle(inHand.map((delivery) => ({ kind: 'ack', delivery }))),
    ]);
    expect(results.map((result, at) => (result === 'ok' ? 'ok' : [at, result]))).toEqual(
      inHand.map((_, at) => (at === 41 ? [41, 'lost'] : 'ok')),
    );
    await receiver.close();
  });
});
