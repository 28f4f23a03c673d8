import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Backend, PublishResult, Receiver } from '@pigeonpost/queue';
import { Redis } from 'ioredis';
import { BrokerProcess } from '../broker-process.js';
import { describeWith } from '../broker-url.js';
import { OpenedBackends } from './opened.js';
import { message, SUBSCRIPTION, TOPIC } from './traffic.js';

const STARTS_WITHIN_MS = 60_000;
const LONGEST_MS = 60_000;
const WITHIN_MS = 15_000;
const COMMAND_TIMEOUT_MS = 3_000;
const OPTIONS = { connectTimeoutMs: 1_000, commandTimeoutMs: COMMAND_TIMEOUT_MS };
/** A server with few keys loads them too fast to be seen doing it. */
const LOADING_MICROS_A_KEY = 200;
const KEYS = 10_000;
const CANARY = 'canary-71be';

describeWith('redis', 'the redis backend on a server that answers with refusals', () => {
  let broker: BrokerProcess;
  let admin: Redis;
  let backends: OpenedBackends;
  let backend: Backend;
  let receiver: Receiver;

  beforeAll(async () => {
    broker = await BrokerProcess.start('redis', { 'key-load-delay': String(LOADING_MICROS_A_KEY) });
    admin = new Redis(broker.url, { maxRetriesPerRequest: null });
    admin.on('error', () => undefined);
  }, STARTS_WITHIN_MS);
  afterAll(async () => {
    admin?.disconnect();
    await broker?.dispose();
  });
  beforeEach(async () => {
    backends = new OpenedBackends(broker.url, OPTIONS);
    ({ backend } = await backends.open());
    await backend.ensure({ subscriptions: [{ name: SUBSCRIPTION, topics: [TOPIC] }] }, 'create');
    receiver = await backend.open({ name: SUBSCRIPTION, topics: [TOPIC], leaseMs: 30_000 });
  });
  afterEach(() => backends.dispose());

  const until = (condition: () => boolean): Promise<void> => backends.time.until(condition, WITHIN_MS);

  async function publish(id: string): Promise<PublishResult> {
    const [result] = await backend.publish([message(id, { body: CANARY })]);
    return result as PublishResult;
  }

  /** Refused with this sentence, in time, and without what the message says. */
  async function isRefused(sentence: RegExp): Promise<void> {
    const startedAt = performance.now();
    const result = await publish('refused');
    expect(performance.now() - startedAt).toBeLessThan(COMMAND_TIMEOUT_MS + backends.time.slackMs);
    expect(result).toMatchObject({ status: 'refused', error: { code: 'unavailable' } });
    expect(String((result as { error?: Error }).error)).toMatch(sentence);
    expect(JSON.stringify(result)).not.toContain(CANARY);
  }

  /** What was stored, and nothing else, comes and can be acknowledged. */
  async function brings(...ids: string[]): Promise<void> {
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

  it(
    'waits for a server that loads its data, says so, and goes on by itself',
    async () => {
      await publish('before');
      await admin.eval(`for i = 1, ${KEYS} do redis.call('SET', 'filler:' .. i, i) end`, 0);
      await broker.kill();
      const started = broker.start();
      await until(() => /LOADING: it is still loading its data/.test(backend.status().lastError ?? ''));
      expect(backend.status().state).toBe('down');
      await started;
      await until(() => backend.status().state === 'up');
      expect((await publish('after')).status).toBe('stored');
      await brings('before', 'after');
      await admin.flushall();
    },
    LONGEST_MS,
  );

  it(
    'answers in time while a script of somebody else blocks the server, and goes on when that is gone',
    async () => {
      await publish('before');
      await admin.config('SET', 'busy-reply-threshold', '100');
      const foreign = new Redis(broker.url);
      const ended = foreign.eval('while true do end', 0).catch((error: Error) => error.message);
      await blocked();
      await isRefused(/BUSY: .*SCRIPT KILL/);
      expect(backend.status()).toMatchObject({
        state: 'degraded',
        lastError: expect.stringMatching(/BUSY/),
      });
      await admin.script('KILL');
      expect(await ended).toMatch(/killed/i);
      expect((await publish('after')).status).toBe('stored');
      await brings('before', 'after');
      expect(backend.status().state).toBe('up');
      foreign.disconnect();
      await admin.config('SET', 'busy-reply-threshold', '5000');
    },
    LONGEST_MS,
  );

  it(
    'refuses publishes while the server cannot save to its disk, and goes on after it could',
    async () => {
      await publish('before');
      const obstacle = join(broker.folder, 'dump.rdb');
      await mkdir(obstacle);
      await admin.config('SET', 'save', '3600 1000000');
      await admin.bgsave();
      await saved('err');
      await isRefused(/MISCONF: it cannot save to its disk.*free the disk/);
      expect(backend.status().lastError).toMatch(/MISCONF/);
      await rm(obstacle, { recursive: true });
      await admin.bgsave();
      await saved('ok');
      expect((await publish('after')).status).toBe('stored');
      await brings('before', 'after');
      expect(backend.status().state).toBe('up');
    },
    LONGEST_MS,
  );

  async function blocked(): Promise<void> {
    let answer = '';
    await until(() => {
      void admin.get('any').catch((error: Error) => (answer = error.message));
      return answer.startsWith('BUSY');
    });
  }

  async function saved(how: 'ok' | 'err'): Promise<void> {
    let info = '';
    const ask = (): void => void admin.info('persistence').then((text) => (info = text));
    await until(() => {
      ask();
      return info.includes(`rdb_last_bgsave_status:${how}`) && info.includes('rdb_bgsave_in_progress:0');
    });
  }
});
