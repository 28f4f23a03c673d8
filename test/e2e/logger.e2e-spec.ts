import { jest } from '@jest/globals';
import { Injectable, Module, type LoggerService } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { Bus, Consume, Payload, QueueModule, Reject } from '@pigeonpost/queue';

@Injectable()
class Orders {
  readonly handled: number[] = [];

  @Consume('order.placed', { subscription: 'orders' })
  onOrder(@Payload() { no }: { readonly no: number }): void {
    if (no === 1) throw new Reject('no such customer');
    this.handled.push(no);
  }
}

@Module({
  imports: [QueueModule.forRoot({ source: 'urn:shop', backends: [{ name: 'events', driver: 'memory' }] })],
  providers: [Orders],
})
class ShopModule {}

/** As a logger whose disk is full. */
class BrokenLogger implements LoggerService {
  log(): void {}
  warn(): void {}
  error(): void {
    throw new TypeError('no space left on device');
  }
}

describe('a logger that throws', () => {
  it('costs neither a message nor the process, and is told of', async () => {
    const app = await NestFactory.createApplicationContext(ShopModule, { logger: new BrokenLogger() });
    app.enableShutdownHooks();
    const warnings = jest.spyOn(process, 'emitWarning').mockReturnValue();
    const bus = app.get(Bus);

    await expect(bus.publish('order.placed', { no: 1 }, { wait: 'handled' })).rejects.toMatchObject({
      code: 'dead_lettered',
    });
    await bus.publish('order.placed', { no: 2 }, { wait: 'handled' });

    expect(app.get(Orders).handled).toEqual([2]);
    expect(warnings.mock.calls.map(([text]) => text)).toEqual([
      expect.stringMatching(/logger failed \(no space left on device\).*dead letter of "orders"/),
    ]);
    warnings.mockRestore();
    await app.close();
  });
});
