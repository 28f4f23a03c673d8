import { Injectable, Module } from '@nestjs/common';
import { Test } from '@nestjs/testing';
import { Bus, Consume, Payload, QueueModule } from '@pigeonpost/queue';

const secrets = {
  BODY_KEY_2029: 'last year’s secret, at least 32 bytes',
  BODY_KEY_2030: 'this year’s secret, at least 32 bytes',
};

// #region options
const backends = [
  {
    name: 'events',
    driver: 'memory',
    compression: { algorithm: 'brotli', over: 1_024 },
    encryption: {
      keys: [
        { id: '2029', secret: secrets.BODY_KEY_2029 },
        { id: '2030', secret: secrets.BODY_KEY_2030 },
      ],
      encrypt: '2030',
    },
  },
] as const;
// #endregion

@Injectable()
class Orders {
  readonly seen: unknown[] = [];

  @Consume('order.placed', { subscription: 'orders' })
  onOrder(@Payload() order: unknown): void {
    this.seen.push(order);
  }
}

function applicationWith(given: object = {}, others: readonly object[] = []) {
  const all = [{ ...backends[0], primary: true, ...given }, ...others];
  @Module({
    imports: [QueueModule.forRoot({ source: 'urn:service:shop', backends: all as never })],
    providers: [Orders],
  })
  class ShopModule {}
  return Test.createTestingModule({ imports: [ShopModule] })
    .setLogger({ log() {}, warn() {}, error() {} })
    .compile()
    .then((module) => module.init());
}

describe('an application that compresses and encrypts', () => {
  it('handles what it was sent, small or large', async () => {
    const app = await applicationWith();
    const large = { lines: Array.from({ length: 5_000 }, () => 'the same line') };
    await app.get(Bus).publish('order.placed', { total: 5 }, { wait: 'handled' });
    await app.get(Bus).publish('order.placed', large, { wait: 'handled' });
    expect(app.get(Orders).seen).toEqual([{ total: 5 }, large]);
    await app.close();
  });

  it('does not let what waits elsewhere lie there readable', async () => {
    const later = { name: 'later', driver: 'memory' };
    await expect(applicationWith({ delays: 'later' }, [later])).rejects.toThrow(
      'backends[0].delays: messages would lie readable on "later", give it encryption too',
    );
    const app = await applicationWith({ delays: 'later' }, [
      { ...later, encryption: backends[0].encryption },
    ]);
    await app.close();
  });

  it.each([
    ['encryption', { keys: [] }, 'needs keys, a list of ids and secrets'],
    [
      'encryption',
      { keys: [{ id: '2030', secret: 'short-secret' }] },
      'needs for each key a secret of at least 32',
    ],
    ['encryption', { encrypt: '2031' }, 'needs in encrypt the id of one of its keys'],
    ['encryption', { sign: '2030' }, 'has no option "sign"'],
    ['encryption', { required: 'no' }, 'needs in required true or false'],
    ['compression', { algorithm: 'lzma' }, 'needs in algorithm one of deflate, brotli'],
    ['compression', { over: -1 }, 'needs in over and maxBytes whole numbers'],
    ['compression', { level: 9 }, 'has no option "level"'],
  ] as const)('stops the start when %s has %j, and prints no secret', async (option, given, sentence) => {
    const wrong = { [option]: { ...backends[0][option], ...given } };
    const error = await applicationWith(wrong).then(
      () => undefined,
      (thrown: Error) => thrown.message,
    );
    expect(error).toContain(`backends[0].${option} ${sentence}`);
    expect(error).not.toMatch(/year’s secret|short-secret/);
  });
});
