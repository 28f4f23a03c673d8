import { EventEmitter } from 'node:events';
import { turns, VirtualClock } from '../../testing/virtual-clock.js';
import { RabbitErrors } from './rabbitmq.errors.js';
import { RabbitSender, type SenderParts } from './rabbitmq.sender.js';
import { RabbitStatus } from './rabbitmq.status.js';

const TIMEOUT_MS = 1_000;

/** One channel on which the test confirms. */
class Line extends EventEmitter {
  readonly written: string[] = [];
  isClosed = false;

  publish(_exchange: string, _key: string, content: Buffer): boolean {
    this.written.push(content.toString());
    return true;
  }

  close(): Promise<void> {
    this.isClosed = true;
    return Promise.resolve();
  }
}

/** A connection that comes and goes as the test says. */
class Wire {
  readonly clock = new VirtualClock();
  readonly status = new RabbitStatus(this.clock);
  readonly lines: Line[] = [];
  readonly told: string[] = [];
  readonly sender: RabbitSender;
  #model: object | undefined;
  #whenUp!: () => void;
  block!: (isBlocked: boolean) => void;

  constructor() {
    const modelNow = (): object | undefined => this.#model;
    const connection = {
      get model() {
        return modelNow();
      },
      onUp: (listener: () => void) => (this.#whenUp = listener),
      onBlocked: (listener: (isBlocked: boolean) => void) => (this.block = listener),
      downError: () => new Error('the connection was lost'),
    } as unknown as SenderParts['connection'];
    const errors = new RabbitErrors('events', (text) => text);
    const { clock, status } = this;
    const given = { commandTimeoutMs: TIMEOUT_MS, maxUnconfirmed: 100, restore: () => Promise.resolve() };
    this.sender = new RabbitSender({ connection, errors, clock, status, ...given });
  }

  async up(): Promise<void> {
    this.#model = { createConfirmChannel: () => Promise.resolve(this.#line()) };
    this.#whenUp();
    await turns(1);
  }

  async send(...ids: string[]): Promise<void> {
    const parcels = ids.map((id) => ({
      frame: { content: Buffer.from(id), options: { headers: {} } },
      address: { exchange: '', routingKey: 'work' },
    }));
    this.sender.post(parcels, { answered: (at, { kind }) => void this.told.push(`${ids[at]} ${kind}`) });
    await turns(1);
  }

  confirm(line: number, deliveryTag: number, multiple = false): void {
    this.lines[line]?.emit('ack', { deliveryTag, multiple });
  }

  #line(): Line {
    const line = new Line();
    this.lines.push(line);
    return line;
  }
}

describe('the sender of a RabbitMQ backend', () => {
  let wire: Wire;

  beforeEach(() => void (wire = new Wire()));

  it('tells of each message as it is confirmed, and writes in the order of the calls', async () => {
    await wire.up();
    await wire.send('a', 'b');
    await wire.send('c');
    expect(wire.lines[0]?.written).toEqual(['a', 'b', 'c']);
    wire.confirm(0, 2);
    expect(wire.told).toEqual(['b stored']);
    wire.confirm(0, 3, true);
    expect(wire.told.slice(1)).toEqual(['a stored', 'c stored']);
  });

  it('refuses what could not be written in its time', async () => {
    await wire.send('a');
    await wire.clock.advance(TIMEOUT_MS);
    expect(wire.told).toEqual(['a refused']);
    await wire.up();
    expect(wire.lines[0]?.written).toEqual([]);
  });

  it('ends one that waited for the connection alone, when its confirmation comes too late', async () => {
    await wire.send('waited');
    await wire.clock.advance(TIMEOUT_MS - 10);
    await wire.up();
    await wire.send('newer');
    await wire.clock.advance(20);
    expect(wire.told).toEqual(['waited unknown']);
    expect(wire.lines).toHaveLength(1);
    wire.confirm(0, 2, true);
    expect(wire.told.slice(1)).toEqual(['newer stored']);
  });

  it('leaves a channel that confirms nothing, and says so until one confirms', async () => {
    await wire.up();
    await wire.send('a');
    await wire.clock.advance(TIMEOUT_MS - 1);
    await wire.send('b');
    expect([wire.told, wire.lines.length]).toEqual([[], 1]);
    await wire.clock.advance(1);
    expect(wire.told).toEqual(['a unknown', 'b unknown']);
    expect(wire.lines.map(({ isClosed }) => isClosed)).toEqual([true, false]);
    expect(wire.status.read()).toMatchObject({ state: 'degraded' });
    await wire.send('c');
    wire.confirm(1, 1);
    expect(wire.told.slice(2)).toEqual(['c stored']);
    expect(wire.status.read()).toMatchObject({ state: 'up' });
  });

  it('leaves a channel that forgets one message while it confirms others', async () => {
    await wire.up();
    await wire.send('forgotten');
    for (const tag of [2, 3, 4, 5]) {
      await wire.send(`m${tag}`);
      wire.confirm(0, tag);
      await wire.clock.advance(TIMEOUT_MS / 2);
    }
    expect(wire.told).toEqual(['m2 stored', 'm3 stored', 'forgotten unknown', 'm4 stored', 'm5 stored']);
    await wire.send('next');
    expect(wire.lines.map(({ written }) => written.at(-1))).toEqual(['m5', 'next']);
  });

  it('leaves no channel during an alarm, nor before the broker could answer after it', async () => {
    await wire.up();
    await wire.send('a');
    wire.block(true);
    await wire.clock.advance(TIMEOUT_MS);
    expect([wire.told, wire.lines.length]).toEqual([['a unknown'], 1]);
    wire.block(false);
    await wire.send('b');
    await wire.clock.advance(TIMEOUT_MS - 1);
    expect(wire.lines).toHaveLength(1);
    wire.confirm(0, 2, true);
    expect(wire.told.slice(1)).toEqual(['b stored']);
  });
});
