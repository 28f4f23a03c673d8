import { createServer, type Server } from 'node:net';
import { once } from 'node:events';
import { inspect } from 'node:util';
import { Redis } from 'ioredis';
import { redisBackend } from '@pigeonpost/queue/redis';
import { BrokerProcess } from '../broker-process.js';
import { describeWith } from '../broker-url.js';
import { OpenedBackends } from './opened.js';

const CANARY = 'canary-8b7e';
const STARTS_WITHIN_MS = 60_000;

/** What a failed opening says, in every way somebody may print it. */
async function refusal(url: string, options: object = {}): Promise<{ code: unknown; text: string }> {
  const backends = new OpenedBackends(url, { connectTimeoutMs: 1_000, ...options });
  const error = await backends.open().then(
    () => ({ code: 'opened' }),
    (thrown: Error) => thrown,
  );
  await backends.close();
  const text = `${inspect(error, { depth: 9, showHidden: true })} ${JSON.stringify(error)}`;
  return { code: (error as { code?: unknown }).code, text };
}

describeWith('redis', 'opening the redis backend', () => {
  let broker: BrokerProcess;
  let admin: Redis;

  beforeAll(async () => {
    broker = await BrokerProcess.start('redis');
    admin = new Redis(broker.url);
  }, STARTS_WITHIN_MS);
  afterAll(async () => {
    admin?.disconnect();
    await broker?.dispose();
  });

  it('fails at once where nobody listens, with what to do and without the password', async () => {
    const { code, text } = await refusal(`redis://pigeon:${CANARY}@127.0.0.1:1`);
    expect(code).toBe('unavailable');
    expect(text).toMatch(/could not connect: .*ECONNREFUSED.*check the URL/);
    expect(text).not.toContain(CANARY);
  });

  it.each([
    ['a wrong password', (url: URL) => (url.password = CANARY), /WRONGPASS: it does not accept the user/],
    ['no password', (url: URL) => (url.password = ''), /NOAUTH: it wants a password/],
  ])('fails with %s', async (_name, change, sentence) => {
    const url = new URL(broker.url);
    change(url);
    const { code, text } = await refusal(url.href);
    expect(code).toBe('unavailable');
    expect(text).toMatch(sentence);
    expect(text).not.toContain(CANARY);
    expect(text).not.toContain(new URL(broker.url).password);
  });

  it('fails in time when the server takes the connection and says nothing', async () => {
    const silent: Server = createServer((socket) => socket.resume()).listen(0, '127.0.0.1');
    await once(silent, 'listening');
    const { port } = silent.address() as { port: number };
    const startedAt = performance.now();
    const { code, text } = await refusal(`redis://:${CANARY}@127.0.0.1:${port}`);
    expect(code).toBe('unavailable');
    expect(text).toMatch(/it did not answer \(within 1000 ms\)/);
    expect(text).not.toContain(CANARY);
    expect(performance.now() - startedAt).toBeLessThan(5_000);
    silent.close();
  });

  it('fails where TLS is asked for and not spoken', async () => {
    const { code, text } = await refusal(broker.url.replace('redis:', 'rediss:'));
    expect(code).toBe('unavailable');
    expect(text).not.toContain(new URL(broker.url).password);
  });

  it('refuses a server that evicts, unless that was accepted', async () => {
    await admin.config('SET', 'maxmemory-policy', 'allkeys-lru');
    const { code, text } = await refusal(broker.url);
    expect(code).toBe('redis_server');
    expect(text).toMatch(/maxmemory-policy is allkeys-lru, which deletes messages .* allowEviction: true/);
    expect((await refusal(broker.url, { allowEviction: true })).code).toBe('opened');
    await admin.config('SET', 'maxmemory-policy', 'noeviction');
  });

  it('refuses a server that forgets, unless that was accepted: then it promises no more than that', async () => {
    await admin.config('SET', 'appendonly', 'no');
    const { code, text } = await refusal(broker.url);
    expect(code).toBe('redis_server');
    expect(text).toMatch(/no append-only file, so that messages are lost when it ends.* allowVolatile: true/);
    expect((await refusal(broker.url, { allowVolatile: true })).code).toBe('opened');
    const foreseen = [{}, { allowVolatile: true }].map((more) =>
      redisBackend.foresee?.({ url: broker.url, ...more }),
    );
    expect(foreseen.map((told) => told?.capabilities.durable)).toEqual(['disk-soon', 'broker-memory']);
    await admin.config('SET', 'appendonly', 'yes');
  });

  it('refuses a replica', async () => {
    await admin.replicaof('127.0.0.1', 1);
    const { code, text } = await refusal(broker.url);
    expect(code).toBe('redis_server');
    expect(text).toMatch(/it is a replica: point the URL to the primary/);
    await admin.replicaof('NO', 'ONE');
  });

  it.each([
    ['an older version', null, 'layout 1'],
    ['a later version', '9', 'layout 9'],
  ])('refuses keys that %s has laid out', async (_name, layout, named) => {
    const root = '{laid-out}';
    await admin.set(`${root}:v`, 'some-version');
    if (layout !== null) await admin.set(`${root}:layout`, layout);
    const { code, text } = await refusal(broker.url, { prefix: 'laid-out' });
    expect(code).toBe('redis_server');
    expect(text).toContain(`the keys of prefix "laid-out" (${named}, this one has 2)`);
    expect(text).toMatch(/delete the keys, or begin with another prefix/);
    await admin.del(`${root}:v`, `${root}:layout`);
  });

  it('opens again what it has laid out itself', async () => {
    const backends = new OpenedBackends(broker.url);
    const { backend } = await backends.open();
    await backend.ensure({ subscriptions: [{ name: 's', topics: ['t'] }] }, 'create');
    expect((await refusal(broker.url, { prefix: backends.prefix })).code).toBe('opened');
    await backends.dispose();
  });
});
