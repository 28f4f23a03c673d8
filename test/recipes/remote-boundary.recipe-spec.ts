import { createServer, type Server } from 'node:http';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { Logger } from '@nestjs/common';
import { Test, type TestingModule } from '@nestjs/testing';
import { QueueHarness, QueueTestingModule } from '@pigeonpost/queue/testing/nest';
// #region application
import { Injectable, Module } from '@nestjs/common';
import {
  Ctx,
  Consume,
  exponential,
  InjectStore,
  type MessageContext,
  Payload,
  QueueModule,
  Reject,
  Retry,
  type Store,
} from '@pigeonpost/queue';

interface Invoice {
  readonly invoiceId: string;
  readonly cents: number;
}

/** A bank that pays whenever it is asked to, and can be asked what it has paid. */
@Injectable()
class Bank {
  url = '';

  async hasPaid(reference: string, signal: AbortSignal): Promise<boolean> {
    const answer = await fetch(`${this.url}/payments/${encodeURIComponent(reference)}`, { signal });
    if (answer.ok || answer.status === 404) return answer.ok;
    throw new Error(`the bank answers ${answer.status} when asked for a payment`);
  }

  async pay(reference: string, cents: number, signal: AbortSignal): Promise<void> {
    const body = JSON.stringify({ reference, cents });
    const answer = await fetch(`${this.url}/payments`, { method: 'POST', body, signal });
    if (answer.status === 422) throw new Reject('the bank refuses the payment');
    if (!answer.ok) throw new Error(`the bank answers ${answer.status}`);
  }
}

@Injectable()
class Payments {
  constructor(
    private readonly bank: Bank,
    @InjectStore('events') private readonly store: Store,
  ) {}

  @Consume('invoice.due', { subscription: 'payments', timeout: '10s' })
  @Retry({ attempts: 8, backoff: exponential('30s', { cap: '1h' }) })
  async onDue(@Payload() { invoiceId, cents }: Invoice, @Ctx() { signal }: MessageContext): Promise<void> {
    const key = `payments/${invoiceId}`;
    const [known] = await this.store.read([key]);
    if (known?.value === 'paid') return;
    // What stands here before the first question says: from now on it may have been asked.
    if (known === undefined) await this.note(key, 'asked', 'absent');
    if (known === undefined || !(await this.bank.hasPaid(invoiceId, signal))) {
      await this.bank.pay(invoiceId, cents, signal);
    }
    await this.note(key, 'paid');
  }

  private async note(key: string, value: 'asked' | 'paid', only?: 'absent'): Promise<void> {
    const put = { op: 'put', key, value } as const;
    const written = await this.store.write([only === undefined ? put : { ...put, if: only }]);
    if (!written.ok) throw new Error(`somebody else is paying ${key}`);
  }
}

@Module({
  imports: [
    QueueModule.forRoot({
      source: 'urn:service:accounting',
      backends: [{ name: 'events', driver: 'sqlite', file: 'events.db' }],
    }),
  ],
  providers: [Bank, Payments],
})
class AccountingModule {}
// #endregion
import { Bus } from '@pigeonpost/queue';

/** What becomes of the next payments that are asked for: done, or done without an answer, or nothing but an error. */
type Mood = 'pays' | 'pays and hangs up' | 'fails' | 'refuses';

class RemoteBank {
  readonly paid: string[] = [];
  moods: Mood[] = [];
  readonly #server: Server;

  constructor() {
    this.#server = createServer((request, response) => {
      const found = /^\/payments\/(.+)$/.exec(request.url ?? '');
      if (found !== null) {
        response.writeHead(this.paid.includes(decodeURIComponent(found[1] ?? '')) ? 200 : 404).end();
        return;
      }
      let body = '';
      request.on('data', (chunk: Buffer) => (body += chunk.toString()));
      request.on('end', () => {
        const mood = this.moods.shift() ?? 'pays';
        if (mood.startsWith('pays')) this.paid.push((JSON.parse(body) as { reference: string }).reference);
        if (mood === 'pays and hangs up') request.socket.destroy();
        else response.writeHead({ pays: 201, fails: 503, refuses: 422 }[mood]).end();
      });
    });
  }

  async open(): Promise<string> {
    this.#server.listen(0, '127.0.0.1');
    await once(this.#server, 'listening');
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  async close(): Promise<void> {
    this.#server.close();
    this.#server.closeAllConnections();
    await once(this.#server, 'close');
  }
}

beforeAll(() => Logger.overrideLogger(false));

describe('a remote boundary', () => {
  let app: TestingModule;
  let remote: RemoteBank;
  let harness: QueueHarness;

  beforeEach(async () => {
    remote = new RemoteBank();
    app = await Test.createTestingModule({
      imports: [AccountingModule, QueueTestingModule.forRoot()],
    }).compile();
    await app.init();
    app.get(Bank).url = await remote.open();
    harness = app.get(QueueHarness);
  });

  afterEach(async () => {
    await app.close();
    await remote.close();
  });

  const pay = async (): Promise<void> => {
    // #region publish
    await app.get(Bus).publish('invoice.due', { invoiceId: 'i-1', cents: 1_000 }, { id: 'i-1' });
    // #endregion
    await harness.settled();
  };

  it('pays once when the answer is lost', async () => {
    remote.moods = ['pays and hangs up'];
    await pay();
    expect(remote.paid).toEqual(['i-1']);
    expect(harness.handled('payments')).toHaveLength(1);
  });

  it('pays once when the process dies after the payment', async () => {
    harness.faults.crashBeforeAck('payments');
    await pay();
    expect(remote.paid).toEqual(['i-1']);
  });

  it('asks again when nothing was paid', async () => {
    remote.moods = ['fails', 'fails'];
    await pay();
    expect(remote.paid).toEqual(['i-1']);
  });

  it('keeps what the bank refuses as a dead letter at once', async () => {
    remote.moods = ['refuses'];
    await pay();
    expect(harness.deadLettered('payments').map(({ attempt }) => attempt)).toEqual([1]);
  });
});
