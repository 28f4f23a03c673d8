import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type INestApplicationContext, Injectable, Module, type Type } from '@nestjs/common';
import { Test } from '@nestjs/testing';
import {
  type BackendConfig,
  type BackendFactory,
  Bus,
  Consume,
  getBusToken,
  Idempotent,
  Payload,
  QueueModule,
} from '@pigeonpost/queue';
import { memoryBackend } from '@pigeonpost/queue/memory';
import { realTime } from '@pigeonpost/queue/testing';

const folder = mkdtempSync(join(tmpdir(), 'pigeonpost-stores-'));
/** A broker that remembers nothing. */
const forgetful: BackendFactory = {
  ...memoryBackend,
  open: async (...call) => ({ backend: (await memoryBackend.open(...call)).backend }),
};

let app: INestApplicationContext | undefined;
afterEach(async () => {
  await app?.close();
  app = undefined;
});
afterAll(() => rmSync(folder, { recursive: true }));

@Injectable()
class Payments {
  readonly charged: string[] = [];

  @Consume('order.placed', { subscription: 'payments' })
  @Idempotent({ ttl: '1d' })
  charge(@Payload() order: { readonly no: string }): void {
    this.charged.push(order.no);
  }
}

// #region module
@Module({
  imports: [
    QueueModule.forRoot({
      source: 'urn:shop',
      backends: [
        { name: 'events', driver: forgetful, primary: true, store: 'keys' },
        { name: 'keys', driver: 'sqlite', file: join(folder, 'keys.db') },
      ],
    }),
  ],
  providers: [Payments],
})
class ShopModule {}
// #endregion

async function start(module: Type): Promise<INestApplicationContext> {
  app = await Test.createTestingModule({ imports: [module] }).compile();
  return app.init();
}

function shop(...backends: readonly BackendConfig[]): Type {
  @Module({
    imports: [QueueModule.forRoot({ source: 'urn:shop', backends })],
    providers: [Payments],
  })
  class OtherShopModule {}
  return OtherShopModule;
}

async function refusal(starting: Promise<unknown>): Promise<string> {
  return starting.then(
    () => 'it started',
    (error: Error) => error.message,
  );
}

describe('a backend without a store', () => {
  it('remembers in that of another one, under keys of its own', async () => {
    const { charged } = (await start(ShopModule)).get(Payments);
    const bus = (app as INestApplicationContext).get(Bus);
    for (const no of ['1', '1', '2']) await bus.publish('order.placed', { no }, { id: `order-${no}` });
    await realTime().until(() => charged.length === 2, 5_000);
    await bus.publish('order.placed', { no: '1' }, { id: 'order-1' });
    await bus.publish('order.placed', { no: '3' }, { id: 'order-3' });
    await realTime().until(() => charged.includes('3'), 5_000);
    expect(charged.sort()).toEqual(['1', '2', '3']);
    expect((app as INestApplicationContext).get<Bus>(getBusToken('keys')).status().state).toBe('up');
  });

  it('stops the boot of a handler that needs one, and is told what to do', async () => {
    const starting = start(shop({ name: 'events', driver: forgetful }));
    expect(await refusal(starting)).toMatch(/Payments\.charge[^]*store/);
  });
});

describe('a store that fits its backend badly', () => {
  it.each([
    [
      'no such backend',
      [{ name: 'events', driver: forgetful, store: 'keys' }],
      /backends\[0\]\.store: there is no backend "keys"/,
    ],
    [
      'none at all',
      [
        { name: 'events', driver: forgetful, primary: true, store: 'other' },
        { name: 'other', driver: forgetful },
      ],
      /remember on backend "other", which has no store/,
    ],
    [
      'one that others cannot see',
      [
        { name: 'events', driver: 'sqlite', file: join(folder, 'shared.db'), primary: true, store: 'keys' },
        { name: 'keys', driver: 'memory' },
      ],
      /"events" is shared by the processes of one host, but its store on "keys" by one process only[^]*locality: 'process'/,
    ],
  ] as const)('is refused at the start: %s', async (_what, backends, sentence) => {
    expect(await refusal(start(shop(...(backends as readonly BackendConfig[]))))).toMatch(sentence);
  });

  it('is taken where the application says that it needs no more', async () => {
    const events = { name: 'events', driver: 'sqlite', file: join(folder, 'own.db'), primary: true } as const;
    await start(shop({ ...events, store: 'keys', locality: 'process' }, { name: 'keys', driver: 'memory' }));
    const { charged } = (app as INestApplicationContext).get(Payments);
    await (app as INestApplicationContext).get(Bus).publish('order.placed', { no: '1' });
    await realTime().until(() => charged.length === 1, 5_000);
  });
});
