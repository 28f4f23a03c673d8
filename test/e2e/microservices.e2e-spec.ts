import { mkdtemp, rm } from 'node:fs/promises';
import { createServer, Socket, type AddressInfo, type Server as NetServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  Controller,
  Get,
  Inject,
  Injectable,
  Logger,
  Module,
  type INestApplication,
  type INestMicroservice,
  type OnModuleDestroy,
  type Type,
  ValidationPipe,
} from '@nestjs/common';
import { ModuleRef, NestFactory } from '@nestjs/core';
import {
  ClientProxy,
  ClientsModule,
  ClientTCP,
  Ctx,
  EventPattern,
  JsonSocket,
  MessagePattern,
  Payload,
  RpcException,
  Transport,
} from '@nestjs/microservices';
import {
  type BackendConfig,
  Bus,
  Consume,
  fixed,
  type MessageContext,
  QueueModule,
  Reject,
} from '@pigeonpost/queue';
import {
  FailureFilter,
  PigeonpostClient,
  PigeonpostStrategy,
  type QueueRpcContext,
  type StrategyOptions,
} from '@pigeonpost/queue/microservices';
import { IsInt } from 'class-validator';
import { firstValueFrom, lastValueFrom, type Observable, of, throwError, toArray } from 'rxjs';
import request from 'supertest';

class Sum {
  @IsInt({ each: true }) terms!: number[];
}

/** What has happened, by all handlers of a test. */
const log: string[] = [];
let failures = 0;
/** What slow handlers wait for. */
let released: Promise<void>;
let release: () => void;

// #region controller
@Controller()
class MathController {
  @MessagePattern({ cmd: 'sum' })
  sum(@Payload(new ValidationPipe({ transform: true })) { terms }: Sum): number {
    return terms.reduce((sum, term) => sum + term, 0);
  }

  @MessagePattern('count')
  count(upTo: number): Observable<number> {
    return of(...Array.from({ length: upTo }, (_, n) => n + 1));
  }

  @EventPattern<string>('order.placed')
  onOrder(@Payload() order: { id: string }, @Ctx() context: QueueRpcContext): void {
    log.push(`order ${order.id}, attempt ${context.getMessage().attempt}`);
  }
}
// #endregion

/** Everything that a handler of Nest may answer with. */
@Controller()
class AnswerController {
  @MessagePattern('nothing')
  nothing(): void {}

  @MessagePattern('nil')
  nil(): null {
    return null;
  }

  @MessagePattern('later')
  async later(): Promise<Observable<string>> {
    return of('a', 'b');
  }

  @MessagePattern('refused')
  refused(): never {
    throw new RpcException('not today');
  }

  @MessagePattern('refused with more')
  refusedWithMore(): never {
    throw new RpcException({ code: 7, why: 'closed' });
  }

  @MessagePattern('broken stream')
  brokenStream(): Observable<number> {
    return throwError(() => new RpcException('half way'));
  }

  @MessagePattern('broken')
  broken(): never {
    log.push('broken');
    throw new Error('the password is swordfish');
  }

  @MessagePattern('sometimes')
  sometimes(): string {
    if (failures-- > 0) throw new Error('not yet');
    return 'at last';
  }

  @EventPattern<string>('order.*')
  onAnyOrder(@Ctx() context: QueueRpcContext): void {
    log.push(`any ${context.getMessage().topic}`);
  }

  @EventPattern<string>('order.lost')
  onLost(): void {
    log.push('lost');
    throw new Reject('there is no such order');
  }

  @EventPattern<string>('twins')
  first(): void {
    log.push('first twin');
  }

  @EventPattern<string>('twins')
  second(): void {
    log.push('second twin');
  }
}

/** A dependency of handlers that is closed before transports are, by Nest's own order. */
@Injectable()
class Database implements OnModuleDestroy {
  isOpen = true;

  onModuleDestroy(): void {
    this.isOpen = false;
    log.push('database closed');
  }
}

@Controller()
class SlowController {
  constructor(private readonly database: Database) {}

  @EventPattern<string>('slow', { queue: { concurrency: 1 } })
  async slow(n: number): Promise<void> {
    log.push(`slow ${n} begins`);
    await released;
    log.push(`slow ${n} ends, database ${this.database.isOpen ? 'open' : 'closed'}`);
  }

  @Consume('slow', { subscription: 'consumed' })
  consumed(n: number): void {
    log.push(`consumed ${n}`);
  }
}

// #region http
@Controller('sums')
class SumsController {
  constructor(@Inject('MATH') private readonly math: ClientProxy) {}

  @Get()
  sum(): Observable<number> {
    return this.math.send<number>({ cmd: 'sum' }, { terms: [1, 2, 3] });
  }
}
// #endregion

const BROKEN_POLICIES = { retry: { attempts: 2, backoff: fixed(1) } };
let folder: string;
let closing: (() => Promise<unknown>)[];
beforeAll(() => Logger.overrideLogger(false));
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'pigeonpost-microservices-'));
  log.length = 0;
  failures = 0;
  released = new Promise((resolve) => (release = resolve));
  closing = [];
});
afterEach(async () => {
  for (const close of closing.toReversed()) await close();
  await rm(folder, { recursive: true });
});

const sqliteFile = (): BackendConfig => ({ name: 'main', driver: 'sqlite', file: join(folder, 'm.db') });

function moduleOn(backend: BackendConfig): object {
  // #region module
  @Module({
    imports: [
      QueueModule.forRoot({ source: 'urn:service:shop', backends: [backend] }),
      ClientsModule.registerAsync([
        {
          name: 'MATH',
          inject: [ModuleRef],
          useFactory: (app: ModuleRef) => ({
            customClass: PigeonpostClient,
            options: { app, timeout: '5s' },
          }),
        },
      ]),
    ],
    controllers: [MathController, AnswerController, SlowController, SumsController],
    providers: [Database],
  })
  class AppModule {}
  // #endregion
  return AppModule;
}

async function hybrid(
  backend: BackendConfig,
  more: Partial<StrategyOptions> = {},
): Promise<INestApplication> {
  const AppModule = moduleOn(backend);
  // #region hybrid
  const app = await NestFactory.create(AppModule as never, { abortOnError: false });
  const strategy = new PigeonpostStrategy({ app, group: 'math', policies: BROKEN_POLICIES, ...more });
  const microservice = app.connectMicroservice({ strategy }, { deferInitialization: true });
  microservice.useGlobalFilters(new FailureFilter());
  await app.startAllMicroservices();
  // #endregion
  await app.init();
  closing.push(() => app.close());
  return app;
}

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

async function until(condition: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await condition())) await turn();
}

type Asking = Pick<ClientProxy, 'send'>;

/** Every value of an answer, or its error. */
async function answer(client: Asking, pattern: unknown, data: unknown = {}): Promise<unknown> {
  try {
    return await lastValueFrom(client.send(pattern, data).pipe(toArray()));
  } catch (error) {
    return { error };
  }
}

describe.each([
  ['memory', (): BackendConfig => ({ name: 'main', driver: 'memory' })],
  ['sqlite', sqliteFile],
])('patterns over %s', (_driver, backend) => {
  it('answer over HTTP, with values, streams and nothing', async () => {
    const app = await hybrid(backend());
    const client = app.get<ClientProxy>('MATH');
    await request(app.getHttpServer() as never)
      .get('/sums')
      .expect(200, '6');
    expect(await answer(client, 'count', 5)).toEqual([1, 2, 3, 4, 5]);
    expect(await answer(client, 'later')).toEqual(['a', 'b']);
    expect(await answer(client, 'nothing')).toEqual([]);
    expect(await answer(client, 'nil')).toEqual([null]);
  });

  it('are retried, and fail for good with what the client may know', async () => {
    const app = await hybrid(backend());
    const client = app.get<ClientProxy>('MATH');
    failures = 1;
    expect(await answer(client, 'sometimes')).toEqual(['at last']);
    expect(await answer(client, 'broken')).toEqual({
      error: { status: 'error', message: 'Internal server error' },
    });
    expect(log).toEqual(['broken', 'broken']);
    const letters = app.get(Bus).deadLetters('math.broken');
    await until(async () => (await letters.browse()).length === 1);
    const [letter] = await letters.browse();
    expect(letter).toMatchObject({
      attempts: 2,
      failures: [{}, { error: { message: 'the password is swordfish' } }],
    });
  });

  it('take events once each: retried, rejected, by several methods, by patterns of topics', async () => {
    const app = await hybrid(backend());
    const client = app.get<ClientProxy>('MATH');
    await firstValueFrom(client.emit('order.placed', { id: 'o-1' }));
    await firstValueFrom(client.emit('order.lost', {}));
    await firstValueFrom(client.emit('twins', {}));
    await until(() => log.length === 6);
    expect(log.toSorted()).toEqual([
      'any order.lost',
      'any order.placed',
      'first twin',
      'lost',
      'order o-1, attempt 1',
      'second twin',
    ]);
    await until(async () => (await app.get(Bus).deadLetters('math.order.lost').browse()).length === 1);
  });

  it('are events and requests of a plain bus too', async () => {
    const bus = (await hybrid(backend())).get(Bus);
    await bus.publish('order.placed', { id: 'o-2' });
    await until(() => log.includes('order o-2, attempt 1'));
    expect(await bus.request('count', 3, { timeout: '5s' })).toBe(3);
  });

  it('finish what runs, lose nothing, and outlive no dependency when the application closes', async () => {
    const app = await hybrid(backend());
    const client = app.get<ClientProxy>('MATH');
    for (let n = 1; n <= 3; n++) await firstValueFrom(client.emit('slow', n));
    await until(() => log.includes('slow 1 begins') && log.includes('consumed 3'));
    const closed = app.close();
    for (let turns = 0; turns < 20; turns++) await turn();
    expect(log).not.toContain('database closed');
    release();
    await closed;
    expect(log.filter((line) => !line.startsWith('consumed'))).toEqual([
      'slow 1 begins',
      'slow 1 ends, database open',
      'database closed',
    ]);
    if (backend().driver === 'memory') return; // gone with its process
    log.length = 0;
    await hybrid(backend());
    await until(() => log.filter((line) => line.includes('ends')).length === 2);
    expect(log.filter((line) => line.includes('begins'))).toEqual(['slow 2 begins', 'slow 3 begins']);
  });
});

describe('a strategy', () => {
  it('is that of a microservice alone, on a backend of its QueueModule', async () => {
    // #region microservice
    const service = await NestFactory.createMicroservice(moduleOn(sqliteFile()) as never, {
      inject: [ModuleRef],
      useFactory: (app: ModuleRef) => ({ strategy: new PigeonpostStrategy({ app, group: 'math' }) }),
    });
    await service.listen();
    // #endregion
    closing.push(() => service.close());
    const client = new PigeonpostClient({ backend: sqliteFile(), source: 'urn:other' });
    closing.push(() => client.close());
    expect(await answer(client, { cmd: 'sum' }, { terms: [20, 22] })).toEqual([42]);
  });

  it('has a backend of its own where there is no QueueModule', async () => {
    @Module({ controllers: [MathController] })
    class PlainModule {}
    const strategy = new PigeonpostStrategy({ backend: sqliteFile(), source: 'urn:math', group: 'math' });
    const service = await NestFactory.createMicroservice(PlainModule, { strategy });
    const states: unknown[] = [];
    strategy.status.subscribe((state) => states.push(state));
    await service.listen();
    expect(strategy.unwrap<{ name: string }>().name).toBe('main');
    expect(strategy.consumers().map(({ subscription }) => subscription)).toEqual([
      'math.pp.pattern._7b_22cmd_22_3a_22sum_22_7d',
      'math.count',
      'math.order.placed',
    ]);
    await service.close();
    expect(states).toEqual(['connected', 'disconnected']);
    expect(strategy.consumers().map(({ state }) => state)).toEqual(['stopped', 'stopped', 'stopped']);
  });

  it.each<[string, StrategyOptions, RegExp]>([
    ['neither application nor backend', { group: 'math' }, /give `app` for a backend of its QueueModule/],
    ['policies that make no sense', { group: 'math', policies: { concurrency: 0 } }, /concurrency/],
    [
      'a lease longer than the backend has',
      { group: 'math', policies: { lease: '7d', maxLease: '7d' } },
      /lease/,
    ],
  ])('does not start with %s', async (_what, options, message) => {
    @Module({ controllers: [MathController] })
    class PlainModule {}
    const own = options.policies === undefined ? {} : { backend: sqliteFile(), source: 'urn:math' };
    const strategy = new PigeonpostStrategy({ ...own, ...options });
    const service = await NestFactory.createMicroservice(PlainModule, { strategy });
    await expect(service.listen()).rejects.toThrow(message);
    await service.close();
  });

  it('does not start on a backend that its application does not have', async () => {
    await expect(hybrid({ name: 'main', driver: 'memory' }, { backend: 'audit' })).rejects.toThrow(
      /there is no backend "audit": the options list main/,
    );
  });
});

describe('a client', () => {
  it('tells who waits when it closes, and who waits too long', async () => {
    @Module({
      imports: [QueueModule.forRoot({ source: 'urn:s', backends: [sqliteFile()], topology: NOBODY })],
    })
    class SilentModule {}
    const app = await NestFactory.createApplicationContext(SilentModule);
    closing.push(() => app.close());
    const client = new PigeonpostClient({ app, timeout: 30 });
    expect(await answer(client, 'silent')).toMatchObject({ error: { code: 'request_timeout' } });
    expect(await answer(client, 'nowhere')).toMatchObject({ error: { code: 'unroutable' } });
    expect(await answer(client, 'order.*')).toMatchObject({ error: { code: 'invalid_pattern' } });
    expect(await answer(client, 'silent', { big: 1n })).toMatchObject({ error: { code: 'serialize_error' } });
    const own = new PigeonpostClient({ backend: sqliteFile(), source: 'urn:own' });
    const waiting = answer(own, 'silent');
    await until(() => own.unwrap<Bus | undefined>()?.requests().pending === 1);
    await own.close();
    expect(await waiting).toMatchObject({ error: { code: 'closed' } });
  });
});

const NOBODY = { subscriptions: [{ name: 'nobody', topics: ['silent'] }] };

/** The same questions to any client: what is thrown on the way counts as the answer. */
async function questions(client: Asking): Promise<readonly unknown[]> {
  const asked: readonly (readonly [unknown, unknown?])[] = [
    [{ cmd: 'sum' }, { terms: [1, 2] }],
    ['count', 4],
    ['later'],
    ['nothing'],
    ['nil'],
    ['refused'],
    ['refused with more'],
    ['broken stream'],
    ['broken'],
  ];
  const answers: unknown[] = [];
  for (const [pattern, data = {}] of asked) answers.push(await answer(client, pattern, data));
  return answers;
}

@Module({ controllers: [MathController, AnswerController] })
class AnswersModule {}

/** Nest's own TCP server with the same controllers, and the port it listens at. */
async function stockServer(): Promise<number> {
  const service: INestMicroservice = await NestFactory.createMicroservice(AnswersModule, {
    transport: Transport.TCP,
    options: { port: 0 },
  });
  await service.listen();
  closing.push(() => service.close());
  return (service.unwrap<NetServer>().address() as AddressInfo).port;
}

async function strategyOn(wire: StrategyOptions['wire']): Promise<void> {
  const own = { backend: sqliteFile(), source: 'urn:math', policies: BROKEN_POLICIES };
  const strategy = new PigeonpostStrategy({ ...own, group: 'math', ...(wire && { wire }) });
  const service = await NestFactory.createMicroservice(AnswersModule, { strategy });
  await service.listen();
  closing.push(() => service.close());
}

describe('compared with the TCP transport of Nest', () => {
  it.each([undefined, 'nest'] as const)('every answer is the same: wire %s', async (wire) => {
    const stock = new ClientTCP({ port: await stockServer() });
    closing.push(async () => stock.close());
    await strategyOn(wire);
    const ours = new PigeonpostClient({ backend: sqliteFile(), source: 'urn:asks', ...(wire && { wire }) });
    closing.push(() => ours.close());
    expect(await questions(ours)).toEqual(await questions(stock));
  });
});

/** The topics of the patterns above, and those of the answers to them. */
const TOPICS = ['*', 'pp.pattern.*'];
const REPLY_TOPICS = TOPICS.map((topic) => `${topic}.reply`);
const textOf = (bytes: Uint8Array): string => Buffer.from(bytes).toString();

/**
 * What a broker with a transport of Nest would do, between a client of Nest and our strategy: publishes the packets
 * as they came from the socket, and sends the answers down it. Answers with its port.
 */
async function bridgeForClients(): Promise<number> {
  const sockets: JsonSocket[] = [];
  @Injectable()
  class Answers {
    @Consume(REPLY_TOPICS, { subscription: 'bridge', raw: true })
    forward(packet: Uint8Array): void {
      for (const socket of sockets) socket.sendMessage(JSON.parse(textOf(packet)), () => undefined);
    }
  }
  const bus = await bridgeApplication(Answers);
  const server = createServer((raw) => {
    const socket = new JsonSocket(raw);
    sockets.push(socket);
    socket.on('message', (packet: { pattern: unknown }) => {
      void bus.publishRaw(
        TOPIC_OF[JSON.stringify(packet.pattern)] ?? String(packet.pattern),
        JSON.stringify(packet),
      );
    });
  });
  await new Promise<void>((resolve) => server.listen(0, resolve));
  closing.push(async () => server.close());
  return (server.address() as AddressInfo).port;
}

const TOPIC_OF: Readonly<Record<string, string>> = {
  '{"cmd":"sum"}': 'pp.pattern._7b_22cmd_22_3a_22sum_22_7d',
  '"refused with more"': 'pp.pattern.refused_20with_20more',
  '"broken stream"': 'pp.pattern.broken_20stream',
};

/** The same between our client and a server of Nest. */
async function bridgeForServer(port: number): Promise<void> {
  const socket = new JsonSocket(new Socket());
  const topics = new Map<string, string>();
  @Injectable()
  class Requests {
    @Consume(TOPICS, { subscription: 'bridge', raw: true })
    forward(body: Uint8Array, { topic }: MessageContext): void {
      const packet = JSON.parse(textOf(body)) as { id?: string };
      if (packet.id !== undefined) topics.set(packet.id, topic);
      socket.sendMessage(packet, () => undefined);
    }
  }
  socket.connect(port, '127.0.0.1');
  const bus = await bridgeApplication(Requests);
  socket.on('message', (packet: { id: string }) => {
    void bus.publishRaw(`${topics.get(packet.id)}.reply`, JSON.stringify(packet));
  });
  closing.push(async () => void socket.end());
}

async function bridgeApplication(handlers: Type): Promise<Bus> {
  @Module({
    imports: [QueueModule.forRoot({ source: 'urn:bridge', backends: [sqliteFile()] })],
    providers: [handlers],
  })
  class BridgeModule {}
  const app = await NestFactory.createApplicationContext(BridgeModule);
  closing.push(() => app.close());
  return app.get(Bus);
}

describe('with peers of Nest that know nothing of us', () => {
  it('our strategy answers their client as their own server does', async () => {
    const stock = new ClientTCP({ port: await stockServer() });
    closing.push(async () => stock.close());
    await strategyOn('nest');
    const theirs = new ClientTCP({ port: await bridgeForClients() });
    closing.push(async () => theirs.close());
    expect(await questions(theirs)).toEqual(await questions(stock));
    await firstValueFrom(theirs.emit('twins', {}));
    await until(() => log.includes('second twin'));
  });

  it('our client understands their server as their own client does', async () => {
    const port = await stockServer();
    const stock = new ClientTCP({ port });
    closing.push(async () => stock.close());
    await bridgeForServer(port);
    const ours = new PigeonpostClient({ backend: sqliteFile(), source: 'urn:asks', wire: 'nest' });
    closing.push(() => ours.close());
    expect(await questions(ours)).toEqual(await questions(stock));
    await firstValueFrom(ours.emit('twins', {}));
    await until(() => log.includes('second twin'));
  });

  it('what is no packet is a dead letter of our strategy, and no handler sees it', async () => {
    await strategyOn('nest');
    const bus = await bridgeApplication(Nothing);
    await bus.publishRaw('count', '{"half": ');
    await until(async () => (await bus.deadLetters('math.count').browse()).length === 1);
    const [letter] = await bus.deadLetters('math.count').browse();
    expect(letter?.failures).toMatchObject([{ reason: 'rejected' }]);
  });
});

@Injectable()
class Nothing {}
