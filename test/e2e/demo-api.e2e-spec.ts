import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { NestExpressApplication } from '@nestjs/platform-express';
import { Test } from '@nestjs/testing';
import type { Backend, BackendConfig, Delivery, Receiver } from '@pigeonpost/queue';
import { memoryBackend } from '@pigeonpost/queue/memory';
import request, { type Test as Call } from 'supertest';
import { ApiEnvironment } from '../../apps/demo-api/src/api.environment.js';
import { ApiModule } from '../../apps/demo-api/src/api.module.js';
import { configureHttp } from '../../apps/demo-api/src/configure-http.js';
import { githubSignature } from '../../apps/demo-api/src/webhooks/github-signature.js';
import { GITHUB_TOPICS } from '../../apps/demo-contract/src/index.js';
import { ActivityProjection } from '../../apps/demo-worker/src/activity/activity.projection.js';

const SECRET = 'a secret of the test';
const ID = '72d3162e-cc78-11e3-81ab-4c9367dc0958';
const PUSH = { ref: 'refs/heads/main', repository: { full_name: 'octocat/hello-world' } };
const MIB = 1024 * 1024;

const folder = mkdtempSync(join(tmpdir(), 'demo-api-'));
let app: NestExpressApplication;
let backend: Backend;
let receivers: Receiver[];

/** The memory backend, in the hands of the test too. */
const driver = {
  ...memoryBackend,
  open: async (...given: Parameters<typeof memoryBackend.open>): ReturnType<typeof memoryBackend.open> => {
    const opened = await memoryBackend.open(...given);
    ({ backend } = opened);
    return opened;
  },
};

async function start(options: Partial<BackendConfig> = {}): Promise<void> {
  const environment = Object.assign(new ApiEnvironment(), {
    DEMO_QUEUE: 'not used',
    DEMO_ACTIVITY_FILE: join(folder, 'activity.db'),
    DEMO_WEBHOOK_SECRET: SECRET,
  });
  const api = ApiModule.with(environment, [{ name: 'events', driver, maxBytes: 64 * MIB, ...options }]);
  const module = await Test.createTestingModule({ imports: [api] }).compile();
  app = module.createNestApplication<NestExpressApplication>({ bodyParser: false, logger: false });
  await configureHttp(app).init();
}

beforeEach(async () => {
  receivers = [];
  await start();
});

afterEach(async () => {
  await Promise.all(receivers.map((receiver) => receiver.close()));
  await app.close();
});

afterAll(() => {
  rmSync(folder, { recursive: true });
});

/** A call as GitHub makes it; `headers` replaces some of its own. */
function deliver(body: Buffer | string, headers: Readonly<Record<string, string>> = {}): Call {
  const bytes = Buffer.from(body);
  const call = request(app.getHttpServer())
    .post('/webhooks/github')
    .set({
      'content-type': 'application/json',
      'x-github-event': 'push',
      'x-github-delivery': ID,
      'x-hub-signature-256': githubSignature(SECRET, bytes),
      ...headers,
    });
  // Bytes as they are: supertest would write a Buffer as JSON.
  call.serialize((given: unknown) => given as string);
  return call.send(bytes as unknown as string);
}

async function received(
  subscription: string,
): Promise<{ receiver: Receiver; deliveries: readonly Delivery[] }> {
  const receiver = await backend.open({ name: subscription, topics: GITHUB_TOPICS, leaseMs: 30_000 });
  receivers.push(receiver);
  return { receiver, deliveries: await receiver.receive(10, AbortSignal.timeout(5_000)) };
}

/** The next message of the subscription becomes a dead letter. */
async function giveUp(subscription: string): Promise<void> {
  const { receiver, deliveries } = await received(subscription);
  const failure = {
    attempt: 1,
    at: 0,
    reason: 'rejected',
    error: { name: 'Reject', message: 'the downstream refused with 410', stack: 'secret place' },
    handler: 'Notifier.onDelivery',
    host: 'here',
  } as const;
  await receiver.settle(deliveries.map((delivery) => ({ kind: 'dead', delivery, failure })));
}

describe('POST /webhooks/github', () => {
  it('publishes what GitHub signed, for every subscription, and answers with its id', async () => {
    await deliver(JSON.stringify(PUSH)).expect(202, { id: ID });
    for (const subscription of ['activity', 'notifier']) {
      const { deliveries } = await received(subscription);
      expect(deliveries).toHaveLength(1);
      expect(deliveries[0]).toMatchObject({ id: ID, topic: 'github.push', key: 'octocat/hello-world' });
      expect(JSON.parse(String(deliveries[0]?.body))).toMatchObject({
        event_type: 'github.push',
        data: PUSH,
      });
    }
  });

  it('checks the bytes and not what they mean', async () => {
    const spaced = '{ "repository" : {"full_name":"a\\/b"} }';
    await deliver(spaced).expect(202);
    await deliver(spaced, { 'x-hub-signature-256': githubSignature(SECRET, Buffer.from('{}')) }).expect(401);
  });

  it.each([
    ['a wrong signature', { 'x-hub-signature-256': githubSignature('guess', Buffer.from('{}')) }, 401],
    ['an empty signature', { 'x-hub-signature-256': '' }, 401],
    ['no GUID', { 'x-github-delivery': 'one' }, 400],
    ['no event', { 'x-github-event': '' }, 400],
    ['an unknown event', { 'x-github-event': 'coffee_break' }, 422],
    ['a form', { 'content-type': 'application/x-www-form-urlencoded' }, 415],
    ['a compressed body', { 'content-encoding': 'gzip' }, 415],
  ])('refuses %s', async (_what, headers, status) => {
    const { text } = await deliver('{}', headers).expect(status);
    expect(text).not.toContain(SECRET);
    expect(text).not.toContain(githubSignature(SECRET, Buffer.from('{}')));
  });

  it.each([
    ['', 400],
    ['{"half": ', 400],
    ['[]', 400],
    ['null', 400],
    ['"text"', 400],
  ])('refuses the body %j, although it is signed', async (body, status) => {
    await deliver(body).expect(status);
  });

  it('looks at the signature before it reads anything', async () => {
    await deliver('{"half": ', { 'x-hub-signature-256': 'sha256=0' }).expect(401);
  });

  it('refuses a payload that cannot travel', async () => {
    await deliver(`{"deep":${'['.repeat(1_000)}${']'.repeat(1_000)}}`).expect(422);
  });

  it('takes bodies up to 25 MB', async () => {
    await deliver(JSON.stringify({ ...PUSH, text: 'x'.repeat(24 * MIB) })).expect(202);
    await deliver(Buffer.alloc(25 * MIB + 1, 0x20)).expect(413);
  });

  it('asks to come again while the queue does not answer', async () => {
    await app.close();
    await start({ faults: { unknownPublish: 1 } });
    const response = await deliver(JSON.stringify(PUSH)).expect(503);
    expect(response.headers['retry-after']).toBe('5');
    expect(response.body).toEqual({
      statusCode: 503,
      error: 'publish_outcome_unknown',
      message: 'the queue does not answer: try again later',
    });
  });
});

describe('GET /activity', () => {
  it('is empty before the worker has run, and shows its projection afterwards', async () => {
    const nothing = { counts: [], newest: [] };
    await request(app.getHttpServer()).get('/activity').expect(200, nothing);
    writeFileSync(join(folder, 'activity.db'), '');
    await request(app.getHttpServer()).get('/activity').expect(200, nothing);
    const projection = new ActivityProjection(join(folder, 'activity.db'));
    const push = { event: 'github.push', repository: 'a/b', action: undefined, sender: 'octocat' };
    projection.apply({ id: 'one', ...push }, 1);
    projection.apply({ id: 'two', ...push }, 2);
    projection.close();
    const { body } = await request(app.getHttpServer()).get('/activity?limit=1').expect(200);
    expect(body).toEqual({
      counts: [{ repository: 'a/b', event: 'github.push', count: 2 }],
      newest: [{ id: 'two', ...push, action: null, appliedAt: 2 }],
    });
  });

  it.each(['limit=0', 'limit=1001', 'limit=x', 'loud=1'])('refuses %s', async (query) => {
    await request(app.getHttpServer()).get(`/activity?${query}`).expect(400);
  });
});

describe('dead letters', () => {
  it('are shown with the reason, without payload and stack', async () => {
    await deliver(JSON.stringify(PUSH)).expect(202);
    await giveUp('notifier');
    const { body } = await request(app.getHttpServer()).get('/dead-letters').expect(200);
    expect(body).toEqual([
      { subscription: 'activity', letters: [] },
      {
        subscription: 'notifier',
        letters: [
          {
            id: ID,
            topic: 'github.push',
            key: 'octocat/hello-world',
            publishedAt: expect.any(String),
            deadAt: expect.any(String),
            attempts: 1,
            crashes: 0,
            reason: 'rejected',
            error: 'the downstream refused with 410',
          },
        ],
      },
    ]);
  });

  it('show their bytes on demand, and come page by page', async () => {
    for (const id of [ID, ID.replace('7', '8'), ID.replace('7', '9')]) {
      await deliver(JSON.stringify(PUSH), { 'x-github-delivery': id }).expect(202);
      await giveUp('notifier');
    }
    const path = '/dead-letters?subscription=notifier&limit=2&include=body';
    const first = await request(app.getHttpServer()).get(path).expect(200);
    expect(first.body[0].letters.map(({ id }: { id: string }) => id[0])).toEqual(['7', '8']);
    expect(JSON.parse(first.body[0].letters[0].body.content)).toMatchObject({ data: PUSH });
    const next = `${path}&after=${encodeURIComponent(first.body[0].next)}`;
    const second = await request(app.getHttpServer()).get(next).expect(200);
    expect(second.body[0].letters.map(({ id }: { id: string }) => id[0])).toEqual(['9']);
    expect(second.body[0].next).toBeUndefined();
  });

  it('go back to their own subscription only', async () => {
    await deliver(JSON.stringify(PUSH)).expect(202);
    await giveUp('notifier');
    const path = `/dead-letters/${ID}/replay?subscription=notifier`;
    await request(app.getHttpServer()).post(path).expect(202, { replayed: 1 });
    await request(app.getHttpServer()).post(path).expect(404);
    const { body } = await request(app.getHttpServer()).get('/health').expect(200);
    expect(body).toMatchObject({
      status: 'up',
      subscriptions: [
        { subscription: 'activity', ready: 1, dead: 0 },
        { subscription: 'notifier', ready: 1, dead: 0 },
      ],
    });
  });

  it.each([
    ['get', '/dead-letters?subscription=other'],
    ['get', '/dead-letters?after=1'],
    ['get', '/dead-letters?limit=101'],
    ['get', '/dead-letters?include=everything'],
    ['post', `/dead-letters/${ID}/replay`],
    ['post', `/dead-letters/${ID}/replay?subscription=other`],
  ] as const)('refuse %s %s', async (method, path) => {
    await request(app.getHttpServer())[method](path).expect(400);
  });
});

describe('GET /health', () => {
  it('is 503 when the queue is gone', async () => {
    await request(app.getHttpServer()).get('/health').expect(200);
    await backend.close(new Date());
    await request(app.getHttpServer()).get('/health').expect(503);
  });
});
