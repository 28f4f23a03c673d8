import { Logger } from '@nestjs/common';
import { Test } from '@nestjs/testing';
// #region handler
import { Injectable, Module } from '@nestjs/common';
import { Consume, Ctx, type MessageContext, Payload, QueueModule, ThreadPool } from '@pigeonpost/queue';

interface PrimesWanted {
  readonly below: number;
  readonly forMs: number;
}

@Injectable()
class Primes {
  readonly found: number[][] = [];

  constructor(private readonly threads: ThreadPool) {}

  @Consume('primes.wanted', { subscription: 'primes', lease: '1500ms', concurrency: 2 })
  async onWanted(@Payload() wanted: PrimesWanted, @Ctx() { signal }: MessageContext): Promise<void> {
    this.found.push(await this.threads.run<number[]>(wanted, { signal }));
  }
}

const threads = {
  provide: ThreadPool,
  useFactory: () => new ThreadPool(new URL('./primes.thread.mjs', import.meta.url), { threads: 2 }),
};

@Module({
  imports: [
    QueueModule.forRoot({
      source: 'urn:service:numbers',
      backends: [{ name: 'events', driver: 'memory' }],
    }),
  ],
  providers: [Primes, threads],
})
class NumbersModule {}
// #endregion
import { Bus, QueueRegistry } from '@pigeonpost/queue';

describe('a handler that computes for three leases', () => {
  it('computes in a thread: its lease is renewed, and a shutdown waits for it', async () => {
    const told: unknown[] = [];
    const note = (line: unknown): void => void told.push(line);
    Logger.overrideLogger({ log() {}, warn: note, error: note });
    const app = await Test.createTestingModule({ imports: [NumbersModule] }).compile();
    await app.init();
    const handled = app.get(Bus).publish('primes.wanted', { below: 20, forMs: 4_500 }, { wait: 'handled' });
    await handled;
    expect(app.get(Primes).found).toEqual([[2, 3, 5, 7, 11, 13, 17, 19]]);
    const [consumer] = app.get(QueueRegistry).status().consumers;
    expect(consumer?.counts).toMatchObject({ ack: 1, retry: 0, lost: 0 });
    await app.get(Bus).publish('primes.wanted', { below: 3, forMs: 1_000 });
    while (app.get(QueueRegistry).status().consumers[0]?.running === 0) await new Promise(setImmediate);
    await app.close();
    expect(app.get(Primes).found.at(-1)).toEqual([2]);
    expect(told.filter((line) => String(line).includes('primes'))).toEqual([]);
  }, 30_000);
});
