import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type INestApplicationContext, Injectable, Logger, Module, type Type } from '@nestjs/common';
import { Test } from '@nestjs/testing';
import {
  type BackendConfig,
  Bus,
  Consume,
  fixed,
  Payload,
  QueueExplainer,
  QueueModule,
  Retry,
} from '@pigeonpost/queue';
import { memoryBackend } from '@pigeonpost/queue/memory';
import { realTime, weakened } from '@pigeonpost/queue/testing';

const folder = mkdtempSync(join(tmpdir(), 'pigeonpost-gate-'));
/** A broker with queues, and no store. */
const plain = weakened(memoryBackend, { order: 'queue', onRetry: 'breaks', onDead: 'skip', priority: 1 });
const queues: typeof plain = {
  kind: 'queues',
  optionsClass: plain.optionsClass,
  open: async (...call) => ({ backend: (await plain.open(...call)).backend }),
};

@Injectable()
class Ledger {
  readonly booked: string[] = [];
  isOpen = false;

  @Consume('account.changed', { subscription: 'ledger', order: 'key' })
  @Retry({ attempts: 2, backoff: fixed('20ms') })
  book(@Payload() { account, change }: { readonly account: string; readonly change: number }): void {
    if (account === 'a' && change === 1 && !this.isOpen) throw new RangeError('the ledger is closed');
    this.booked.push(`${account}${change}`);
  }
}

// #region module
@Module({
  imports: [
    QueueModule.forRoot({
      source: 'urn:service:bank',
      backends: [
        { name: 'events', driver: queues, primary: true, store: 'keys' },
        { name: 'keys', driver: 'sqlite', file: join(folder, 'keys.db') },
      ],
    }),
  ],
  providers: [Ledger],
})
class BankModule {}
// #endregion

let app: INestApplicationContext | undefined;
beforeAll(() => Logger.overrideLogger(false));
afterEach(async () => {
  await app?.close();
  app = undefined;
});
afterAll(() => rmSync(folder, { recursive: true }));

async function start(module: Type): Promise<INestApplicationContext> {
  app = await Test.createTestingModule({ imports: [module] }).compile();
  return app.init();
}

function bankOn(...backends: readonly BackendConfig[]): Type {
  @Module({
    imports: [QueueModule.forRoot({ source: 'urn:service:bank', backends })],
    providers: [Ledger],
  })
  class OtherBankModule {}
  return OtherBankModule;
}

describe('an order by key on a broker with queues only', () => {
  it('is kept by a gate and a store, over retries and a dead letter that holds its key', async () => {
    const running = await start(BankModule);
    const [bus, ledger] = [running.get(Bus), running.get(Ledger)];
    for (const change of [1, 2])
      for (const account of ['a', 'b'])
        await bus.publish('account.changed', { account, change }, { key: account });
    await realTime().until(() => ledger.booked.length === 2, 10_000);
    expect(ledger.booked).toEqual(['b1', 'b2']);
    const letters = bus.deadLetters('ledger');
    let [letter] = await letters.browse();
    for (; letter === undefined; [letter] = await letters.browse()) await realTime().pass(10);
    expect(letter).toMatchObject({ key: 'a', holdsKey: true, attempts: 2 });
    ledger.isOpen = true;
    await letters.replay(letter.id);
    await realTime().until(() => ledger.booked.length === 4, 10_000);
    expect(ledger.booked.slice(2)).toEqual(['a1', 'a2']);
  });

  it('is shown by the plan as composed, with what is left', async () => {
    const [plan] = (await start(BankModule)).get(QueueExplainer).plan();
    const entries = plan?.entries.filter(({ need }) => need.startsWith('order')) ?? [];
    expect(entries.map(({ answer }) => answer)).toEqual(['composed', 'composed', 'composed']);
    expect(entries[0]).toMatchObject({ leaves: expect.stringContaining('take over after a crash') });
  });

  it('is refused without a store, with the remedy', async () => {
    const starting = start(bankOn({ name: 'events', driver: queues }));
    await expect(starting).rejects.toThrow(
      /Ledger\.book asks for order[^]*name a backend with a store[^]*`store: '…'`/,
    );
  });
});
