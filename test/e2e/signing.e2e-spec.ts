import { Injectable, Module } from '@nestjs/common';
import { Test } from '@nestjs/testing';
import { Bus, Consume, Payload, QueueModule } from '@pigeonpost/queue';

const secrets = {
  SIGNING_KEY_2029: 'last year’s secret, at least 32 bytes',
  SIGNING_KEY_2030: 'this year’s secret, at least 32 bytes',
};

// #region options
const backends = [
  {
    name: 'events',
    driver: 'memory',
    signing: {
      keys: [
        { id: '2029', secret: secrets.SIGNING_KEY_2029 },
        { id: '2030', secret: secrets.SIGNING_KEY_2030 },
      ],
      sign: '2030',
      maxAge: '7d',
    },
  },
] as const;
// #endregion

@Injectable()
class Orders {
  readonly seen: unknown[] = [];

  @Consume('order.placed')
  onOrder(@Payload() order: unknown): void {
    this.seen.push(order);
  }
}

function applicationWith(signing: object = {}) {
  const [backend] = backends;
  const given = [{ ...backend, signing: { ...backend.signing, ...signing } }];
  @Module({
    imports: [QueueModule.forRoot({ source: 'urn:service:shop', group: 'orders', backends: given })],
    providers: [Orders],
  })
  class ShopModule {}
  return Test.createTestingModule({ imports: [ShopModule] })
    .setLogger({ log() {}, warn() {}, error() {} })
    .compile()
    .then((module) => module.init());
}

describe('an application that signs', () => {
  it('handles what it has signed itself', async () => {
    const app = await applicationWith();
    await app
      .get(Bus)
      .publish('order.placed', { total: 5 }, { wait: 'handled', headers: { tenant: 'acme' } });
    await app.get(Bus).publish('order.placed', 'text', { wait: 'handled' });
    expect(app.get(Orders).seen).toEqual([{ total: 5 }, 'text']);
    await app.close();
  });

  it('cannot keep its delayed messages elsewhere', () => {
    const given = [
      { ...backends[0], primary: true, delays: 'later' },
      { name: 'later', driver: 'memory' },
    ];
    const starting = Test.createTestingModule({
      imports: [QueueModule.forRoot({ source: 'urn:service:shop', backends: given as never })],
    }).compile();
    return expect(starting).rejects.toThrow(
      'backends[0].delays: neither this backend nor "later" can have signing',
    );
  });

  it.each([
    [{ keys: [] }, 'needs keys, a list of ids and secrets'],
    [{ keys: [{ id: 'a b', secret: 'x'.repeat(32) }] }, 'needs for each key an id'],
    [
      { keys: [{ id: '2030', secret: 'short-and-secret' }] },
      'needs for each key a secret of at least 32 bytes',
    ],
    [{ sign: '2031' }, 'needs in sign the id of one of its keys'],
    [{ sing: '2030' }, 'has no option "sing"'],
    [{ required: 'no' }, 'needs in required true or false'],
  ])('stops the start when %j is wrong, and prints no secret', async (signing, sentence) => {
    const error = await applicationWith(signing).then(
      () => undefined,
      (thrown: Error) => thrown.message,
    );
    expect(error).toContain(`backends[0].signing ${sentence}`);
    expect(error).not.toContain('secret-');
    expect(error).not.toContain('year’s');
  });
});
