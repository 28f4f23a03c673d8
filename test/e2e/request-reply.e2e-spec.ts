import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Injectable, Logger, Module, type INestApplicationContext } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import {
  type BackendConfig,
  Bus,
  Consume,
  Payload,
  QueueModule,
  Reject,
  RequestFailedError,
  RequestTimeoutError,
  Retry,
} from '@pigeonpost/queue';
import { IsInt, IsString } from 'class-validator';

// #region handler
class PriceWanted {
  @IsString() sku!: string;
  @IsInt() count!: number;
}

@Injectable()
class Prices {
  readonly #cents = new Map([['pigeon', 250]]);

  @Consume('price.wanted', { subscription: 'prices' })
  @Retry({ attempts: 3 })
  onPriceWanted(@Payload() { sku, count }: PriceWanted): { cents: number } {
    const cents = this.#cents.get(sku);
    if (cents === undefined) throw new Reject(`there is no ${sku}`);
    return { cents: cents * count };
  }
}
// #endregion

@Injectable()
class Shop {
  constructor(private readonly bus: Bus) {}

  // #region request
  async priceOf(sku: string, count: number): Promise<number> {
    const { cents } = await this.bus.request<{ cents: number }>(
      'price.wanted',
      { sku, count },
      { timeout: '5s' },
    );
    return cents;
  }
  // #endregion

  // #region failures
  async priceOrNothing(sku: string, count: number): Promise<number | undefined> {
    try {
      return await this.priceOf(sku, count);
    } catch (error) {
      if (error instanceof RequestFailedError && error.reason === 'rejected') return undefined;
      throw error; // a RequestTimeoutError says nothing about what became of it
    }
  }
  // #endregion
}

let folder: string;
let app: INestApplicationContext | undefined;
beforeAll(() => Logger.overrideLogger(false));
beforeEach(async () => void (folder = await mkdtemp(join(tmpdir(), 'pigeonpost-requests-'))));
afterEach(async () => {
  await app?.close();
  app = undefined;
  await rm(folder, { recursive: true });
});

async function start(backend: BackendConfig, consume = true): Promise<Shop> {
  const queue = QueueModule.forRoot({ source: 'urn:shop', backends: [backend], consume });
  @Module({ imports: [queue], providers: [Prices, Shop] })
  class ShopModule {}
  app = await NestFactory.createApplicationContext(ShopModule, { abortOnError: false });
  return app.get(Shop);
}

describe.each([
  ['memory', (): BackendConfig => ({ name: 'main', driver: 'memory' })],
  ['sqlite', (): BackendConfig => ({ name: 'main', driver: 'sqlite', file: join(folder, 'shop.db') })],
])('requests over %s', (_driver, backend) => {
  it('bring what the handler returned', async () => {
    const shop = await start(backend());
    expect(await shop.priceOf('pigeon', 4)).toBe(1_000);
    const all = Array.from({ length: 50 }, (_, n) => shop.priceOf('pigeon', n));
    expect(await Promise.all(all)).toEqual(Array.from({ length: 50 }, (_, n) => n * 250));
  });

  it('bring why the handler gave up', async () => {
    const shop = await start(backend());
    expect(await shop.priceOrNothing('dragon', 1)).toBeUndefined();
    await expect(shop.priceOf('pigeon', 1.5)).rejects.toMatchObject({
      code: 'request_failed',
      reason: 'invalid_payload',
      details: [{ path: 'count', message: expect.any(String) as string }],
    });
  });

  it('end with their timeout when nobody is there to handle them', async () => {
    await start(backend(), false);
    const bus = app?.get(Bus) as Bus;
    const request = bus.request('price.wanted', { sku: 'pigeon', count: 1 }, { timeout: 50 });
    await expect(request).rejects.toBeInstanceOf(RequestTimeoutError);
  });

  it('leave nothing behind when the application closes', async () => {
    const shop = await start(backend());
    await shop.priceOf('pigeon', 1);
    await app?.close();
    await start(backend());
    expect((await app?.get(Bus).depth())?.map(({ subscription }) => subscription)).toEqual(['prices']);
  });
});
