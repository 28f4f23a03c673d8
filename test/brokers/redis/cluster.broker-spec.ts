import type { Backend, PublishResult, Receiver } from '@pigeonpost/queue';
import { Redis } from 'ioredis';
import { BrokerProcess } from '../broker-process.js';
import { describeWith } from '../broker-url.js';
import { OpenedBackends } from './opened.js';
import { message, SUBSCRIPTION, TOPIC } from './traffic.js';

const STARTS_WITHIN_MS = 60_000;
const WITHIN_MS = 15_000;
const LONGEST_MS = 60_000;
const SETTINGS = { 'cluster-enabled': 'yes', 'cluster-node-timeout': '15000' };
const MIGRATES_WITHIN_MS = 5_000;

describeWith('redis', 'the redis backend on a cluster', () => {
  let nodes: readonly BrokerProcess[] = [];
  let admins: readonly Redis[] = [];
  const opened: OpenedBackends[] = [];

  beforeAll(async () => {
    nodes = [await BrokerProcess.start('redis', SETTINGS), await BrokerProcess.start('redis', SETTINGS)];
    admins = nodes.map(({ url }) => new Redis(url, { maxRetriesPerRequest: null }));
    for (const each of admins) each.on('error', () => undefined);
  }, STARTS_WITHIN_MS);
  afterEach(() => Promise.all(opened.splice(0).map((backends) => backends.close())));
  afterAll(async () => {
    for (const admin of admins) admin.disconnect();
    for (const node of nodes) await node.dispose();
  });

  function backendsAt(node: number): OpenedBackends {
    const backends = new OpenedBackends((nodes[node] as BrokerProcess).url, { connectTimeoutMs: 1_000 });
    opened.push(backends);
    return backends;
  }

  const admin = (node: number): Redis => admins[node] as Redis;

  async function ready(backend: Backend): Promise<Receiver> {
    await backend.ensure({ subscriptions: [{ name: SUBSCRIPTION, topics: [TOPIC] }] }, 'create');
    return backend.open({ name: SUBSCRIPTION, topics: [TOPIC], leaseMs: 30_000 });
  }

  async function brings(receiver: Receiver, ...ids: string[]): Promise<void> {
    const got: string[] = [];
    const endsAt = performance.now() + WITHIN_MS;
    while (got.length < ids.length && performance.now() < endsAt) {
      const deliveries = await receiver.receive(10, new AbortController().signal);
      got.push(...deliveries.map(({ id }) => id));
      const acts = deliveries.map((delivery) => ({ kind: 'ack', delivery }) as const);
      expect(await receiver.settle(acts)).toEqual(acts.map(() => 'ok'));
    }
    expect(got).toEqual(ids);
  }

  it('does not start on one where nobody has its keys', async () => {
    await expect(backendsAt(0).open()).rejects.toMatchObject({
      code: 'unavailable',
      message: expect.stringMatching(/CLUSTERDOWN: its cluster has nobody for some of the keys/),
    });
  });

  it('works on a cluster of one node', async () => {
    await admin(0).call('CLUSTER', 'ADDSLOTSRANGE', 0, 16_383);
    const backends = backendsAt(0);
    await backends.time.until(isServing(0), WITHIN_MS);
    const { backend } = await backends.open();
    const receiver = await ready(backend);
    expect(await backend.publish([message('one')])).toMatchObject([{ status: 'stored' }]);
    await brings(receiver, 'one');
  });

  it(
    'finds the node that has its keys from any other, at the start and when they move',
    async () => {
      const [, busPort] = (await admin(0).config('GET', 'cluster-port')) as [string, string];
      await admin(1).call('CLUSTER', 'MEET', '127.0.0.1', (nodes[0] as BrokerProcess).port, busPort);
      const backends = backendsAt(1);
      await backends.time.until(isServing(1), WITHIN_MS);
      const { backend } = await backends.open();
      const receiver = await ready(backend);
      expect(await backend.publish([message('before')])).toMatchObject([{ status: 'stored' }]);
      await nodes[0]?.kill();
      await backends.time.until(() => backend.status().state === 'down', WITHIN_MS);
      await nodes[0]?.start();
      await isStored(backends, backend, 'between');
      await move(`{${backends.prefix}}`);
      await isStored(backends, backend, 'after');
      expect(backend.status().state).toBe('up');
      const seen = new Set<string>();
      while (!['before', 'between', 'after'].every((id) => seen.has(id))) {
        const deliveries = await receiver.receive(100, new AbortController().signal);
        for (const { id } of deliveries) seen.add(id);
        await receiver.settle(deliveries.map((delivery) => ({ kind: 'ack', delivery })));
      }
    },
    LONGEST_MS,
  );

  /** What is refused was certainly not stored, and is published again. */
  async function isStored({ time }: OpenedBackends, backend: Backend, id: string): Promise<void> {
    let result: PublishResult | undefined;
    let publishing = false;
    await time.until(() => {
      if (!publishing && result?.status !== 'stored') {
        publishing = true;
        void backend.publish([message(id)]).then(([told]) => {
          result = told;
          publishing = false;
        });
      }
      return result?.status === 'stored';
    }, WITHIN_MS);
  }

  /** Polled, since nodes tell each other by gossip. */
  function isServing(node: number): () => boolean {
    let info = '';
    return () => {
      void admin(node)
        .cluster('INFO')
        .then((text) => (info = text))
        .catch(() => undefined);
      return info.includes('cluster_state:ok') && info.includes('cluster_slots_ok:16384');
    };
  }

  /** The slot of these keys, from the first node to the second. */
  async function move(tag: string): Promise<void> {
    const slot = await admin(0).cluster('KEYSLOT', tag);
    const ids = await Promise.all([0, 1].map((node) => admin(node).cluster('MYID')));
    await admin(1).call('CLUSTER', 'SETSLOT', slot, 'IMPORTING', ids[0] as string);
    await admin(0).call('CLUSTER', 'SETSLOT', slot, 'MIGRATING', ids[1] as string);
    const { hostname, port, password } = new URL((nodes[1] as BrokerProcess).url);
    for (;;) {
      const keys = (await admin(0).call('CLUSTER', 'GETKEYSINSLOT', slot, 1_000)) as string[];
      if (keys.length === 0) break;
      const target = [hostname, port, '', 0, MIGRATES_WITHIN_MS];
      await admin(0).call('MIGRATE', ...target, 'AUTH', password, 'KEYS', ...keys);
    }
    for (const node of [1, 0]) await admin(node).call('CLUSTER', 'SETSLOT', slot, 'NODE', ids[1] as string);
  }
});
