import { Controller, Get, type INestApplication, Injectable, Module } from '@nestjs/common';
import { HealthCheck, HealthCheckService, TerminusModule, type HealthCheckResult } from '@nestjs/terminus';
import { Test } from '@nestjs/testing';
import {
  type BackendFactory,
  type BackendStatus,
  Bus,
  Consume,
  QueueHealthIndicator,
  QueueModule,
} from '@pigeonpost/queue';
import { memoryBackend } from '@pigeonpost/queue/memory';
import { testAmbient, VirtualClock } from '@pigeonpost/queue/testing';
import request from 'supertest';

const clock = new VirtualClock();
let connection: Partial<BackendStatus>;
let wedged: boolean;

/** Memory as if it were a broker elsewhere, whose connection or whose client can do badly. */
const moody: BackendFactory = {
  ...memoryBackend,
  async open(name, options, ambient) {
    const opened = await memoryBackend.open(name, options, ambient);
    const { backend } = opened;
    const status = backend.status.bind(backend);
    const open = backend.open.bind(backend);
    backend.status = () => ({ ...status(), ...connection });
    backend.open = async (spec) => {
      const receiver = await open(spec);
      if (wedged) receiver.receive = () => new Promise(() => undefined);
      return receiver;
    };
    Object.defineProperty(backend, 'capabilities', { value: { ...backend.capabilities, hosts: 'many' } });
    return opened;
  },
};

// #region probes
@Controller()
class HealthController {
  constructor(
    private readonly checks: HealthCheckService,
    private readonly queue: QueueHealthIndicator,
  ) {}

  /** For people and dashboards. */
  @Get('health')
  @HealthCheck()
  health(): Promise<HealthCheckResult> {
    return this.checks.check([() => this.queue.isHealthy('queue')]);
  }

  /** May this process get requests? It can publish. */
  @Get('health/ready')
  @HealthCheck()
  ready(): Promise<HealthCheckResult> {
    return this.checks.check([
      () => this.queue.isHealthy('queue', { backends: ['main'], only: 'connections' }),
    ]);
  }

  /** Would a restart help? Its connections come back by themselves; a client that is wedged for good does not. */
  @Get('health/live')
  @HealthCheck()
  live(): Promise<HealthCheckResult> {
    return this.checks.check([() => this.queue.isHealthy('queue', { only: 'consumers' })]);
  }
}

@Module({ imports: [TerminusModule], controllers: [HealthController] })
class HealthModule {}
// #endregion

@Injectable()
class Handlers {
  @Consume('orders', { subscription: 'orders' })
  onOrder(): void {}
}

let app: INestApplication;

beforeEach(async () => {
  connection = {};
  wedged = false;
});

async function start(): Promise<void> {
  const backends = [
    { name: 'main', driver: moody, primary: true },
    { name: 'local', driver: 'memory' },
  ] as const;
  const queue = QueueModule.forRoot({ source: 'urn:test', ambient: testAmbient(clock), backends });
  const module = await Test.createTestingModule({ imports: [queue, HealthModule], providers: [Handlers] })
    .setLogger({ log() {}, warn() {}, error() {} })
    .compile();
  app = await module.createNestApplication().init();
}

afterEach(async () => {
  const closed = app.close();
  await clock.advance(30_000);
  await closed;
});

const get = (path: string) => request(app.getHttpServer()).get(path);

describe('the indicator for Terminus', () => {
  it('is up with details while all is well', async () => {
    await start();
    const { body } = await get('/health').expect(200);
    expect(body).toMatchObject({
      status: 'ok',
      info: {
        queue: {
          status: 'up',
          backends: [
            { name: 'main', subscriptions: [{ subscription: 'orders', consumer: 'running' }] },
            { name: 'local', subscriptions: [] },
          ],
        },
      },
    });
  });

  it('is down with the reason while a connection is', async () => {
    await start();
    connection = { state: 'down', lastError: 'connection reset' };
    const { body } = await get('/health').expect(503);
    expect(body).toMatchObject({
      status: 'error',
      error: { queue: { status: 'down', backends: [{ connection }, { state: 'up' }] } },
    });
    await get('/health/ready').expect(503);
    await get('/health/live').expect(200);
  });

  it('is up while a connection is degraded, and says so in the details', async () => {
    await start();
    connection = { state: 'degraded', lastError: 'too slow' };
    const { body } = await get('/health').expect(200);
    expect(body).toMatchObject({ info: { queue: { status: 'up', backends: [{ state: 'degraded' }, {}] } } });
  });

  it('is down for liveness, and not for readiness, while a consumer is wedged', async () => {
    wedged = true;
    await start();
    await app.get(Bus).publish('orders', 1);
    await clock.advance(35_000);
    await get('/health').expect(503);
    await get('/health/live').expect(503);
    await get('/health/ready').expect(200);
  });

  it('refuses the name of a backend that does not exist', async () => {
    await start();
    await expect(app.get(QueueHealthIndicator).isHealthy('queue', { backends: ['mian'] })).rejects.toThrow(
      'there is no backend "mian": the options list main, local',
    );
  });
});
