import { Injectable, Module } from '@nestjs/common';
import { Test } from '@nestjs/testing';
import {
  Bus,
  Consume,
  explainApplication,
  type Preset,
  presets,
  QueueModule,
  QueueRegistry,
} from '@pigeonpost/queue';
import { QueueTestingModule } from '@pigeonpost/queue/testing/nest';

// #region handler
@Injectable()
class Invoices {
  readonly written: string[] = [];

  @Consume('invoice.due', { ...presets.ordered, subscription: 'invoices', concurrency: 4 })
  async onDue(invoice: { readonly id: string }): Promise<void> {
    this.written.push(invoice.id);
  }
}
// #endregion

/** What a handler with this preset asks for beyond one without, as `need: asked: answer`. */
async function beyondDefaults(preset: Preset, driver: 'memory' | 'sqlite'): Promise<readonly string[]> {
  const plain = await planned({}, driver);
  return (await planned(preset, driver)).filter((line) => !plain.includes(line));
}

async function planned(preset: Preset, driver: 'memory' | 'sqlite'): Promise<readonly string[]> {
  class Handlers {
    @Consume('work', { ...preset, subscription: 'work' })
    handle(): void {}
  }
  @Module({
    imports: [
      QueueModule.forRoot({ source: 'urn:presets', backends: [{ name: 'main', driver, ...fileOf(driver) }] }),
    ],
    providers: [Handlers],
  })
  class AppModule {}
  const [plan] = await explainApplication(AppModule);
  return plan!.entries.map(({ need, asked, answer }) => `${need}: ${asked}: ${answer}`);
}

const fileOf = (driver: string): object => (driver === 'sqlite' ? { file: 'never-opened.db' } : {});

const ASKED: { readonly [Name in keyof typeof presets]: readonly string[] } = {
  pushWorker: ['concurrency: 50 at once, prefetch auto: native'],
  pullWorker: ['lease: 1m, renewed up to 6h: native', 'concurrency: 1 at once, prefetch 0: native'],
  ordered: [
    'order: one message of a key at a time, in their order: native',
    'order on retry: a key waits for a failed message: native',
    'order on death: a key waits for its dead letter: native',
  ],
  bulk: [
    'batch: up to 100 messages at once, gathered within 50ms: composed',
    'concurrency: 1 at once, prefetch auto: native',
  ],
  singleWriter: [
    'single consumer: one process at a time: composed',
    'concurrency: 1 at once, prefetch 0: native',
  ],
  atMostOnce: ['delivery: at most once: composed'],
};

describe('presets', () => {
  const names = Object.keys(presets) as (keyof typeof presets)[];

  it.each(names.flatMap((name) => [[name, 'memory'] as const, [name, 'sqlite'] as const]))(
    '%s is planned as it says on %s, and nothing of it is refused',
    async (name, driver) => {
      expect(await beyondDefaults(presets[name], driver)).toEqual(ASKED[name]);
    },
  );

  it('are values to be spread, and what follows them wins', async () => {
    @Module({
      imports: [
        QueueModule.forRoot({ source: 'urn:presets', backends: [{ name: 'main', driver: 'memory' }] }),
      ],
      providers: [Invoices],
    })
    class AppModule {}
    const app = await Test.createTestingModule({
      imports: [AppModule, QueueTestingModule.forRoot()],
    }).compile();
    await app.init();
    const bus = app.get(Bus);
    for (const id of ['a', 'b']) await bus.publish('invoice.due', { id }, { key: 'one', wait: 'handled' });
    expect(app.get(Invoices).written).toEqual(['a', 'b']);
    expect(app.get(QueueRegistry).status().consumers).toHaveLength(1);
    await app.close();
  });

  it('cannot be changed by who uses them', () => {
    expect(names.every((name) => Object.isFrozen(presets[name]))).toBe(true);
  });
});
