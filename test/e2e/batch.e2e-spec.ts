import { Injectable, type Type } from '@nestjs/common';
import { Test, type TestingModule } from '@nestjs/testing';
import {
  type BatchContext,
  Bus,
  Consume,
  type ConsumeOptions,
  Ctx,
  Event,
  fixed,
  Payload,
  QueueExplainer,
  QueueModule,
  Retry,
} from '@pigeonpost/queue';
import { testAmbient, VirtualClock } from '@pigeonpost/queue/testing';
import { IsInt } from 'class-validator';

let app: TestingModule;
let bus: Bus;
let clock: VirtualClock;

async function start(...providers: Type[]): Promise<void> {
  const queue = QueueModule.forRoot({
    source: 'urn:test',
    group: 'g',
    backends: [{ name: 'main', driver: 'memory' }],
    ambient: testAmbient(clock),
  });
  app = await Test.createTestingModule({ imports: [queue], providers })
    .setLogger({ log() {}, warn() {}, error() {} })
    .compile();
  await app.init();
  bus = app.get(Bus);
}

beforeEach(() => {
  clock = new VirtualClock();
});

afterEach(async () => {
  await app.close();
  if (clock.pending > 0) throw new RangeError(`${clock.pending} timers were left behind`);
});

class Reading {
  @IsInt() celsius!: number;
}

/** A table that takes many rows in one statement, and refuses some. */
class Table {
  readonly statements: number[][] = [];

  insert(rows: readonly Reading[]): readonly number[] {
    this.statements.push(rows.map(({ celsius }) => celsius));
    return rows.flatMap(({ celsius }, at) => (celsius < -273 ? [at] : []));
  }
}
const table = new Table();

// #region handler
@Injectable()
class Readings {
  @Consume('sensor.read', { batch: { size: 3, within: '50ms' }, payload: Reading })
  @Retry({ attempts: 2, backoff: fixed('1s') })
  onReadings(@Payload() readings: readonly Reading[], @Ctx() batch: BatchContext): void {
    const refused = table.insert(readings);
    for (const at of refused) batch.fail(at, new RangeError('colder than cold'));
  }
}
// #endregion

describe('a handler of batches', () => {
  it('gets payloads that are valid, and fails those that it cannot take', async () => {
    await start(Readings);
    for (const celsius of [20, 'warm', -300, 21]) await bus.publish('sensor.read', { celsius });
    await clock.advance(2_000);
    expect(table.statements).toEqual([[20, -300, 21], [-300]]);
    const letters = await bus.deadLetters('g.sensor.read').browse();
    expect(letters.map(({ attempts, failures }) => [attempts, failures.at(-1)?.reason])).toEqual([
      [1, 'invalid_payload'],
      [2, 'handler_error'],
    ]);
    expect(app.get(QueueExplainer).table()).toMatch(
      /batch +up to 3 messages at once, gathered within 50ms +composed +by gathering/,
    );
  });

  it('gets an array and its context without parameter decorators', async () => {
    const got: unknown[] = [];
    @Injectable()
    class Plain {
      @Consume('t', { batch: { size: 2, within: 0 }, raw: true })
      onAll(data: readonly Uint8Array[], { items }: BatchContext): void {
        got.push(
          data.map((bytes) => Buffer.from(bytes).toString()),
          items.map(({ topic }) => topic),
        );
      }
    }
    await start(Plain);
    await Promise.all(['a', 'b'].map((body) => bus.publishRaw('t', body)));
    await clock.advance(10);
    expect(got).toEqual([
      ['a', 'b'],
      ['t', 't'],
    ]);
  });

  it.each<[string, ConsumeOptions, string]>([
    ['no size', { batch: { size: 0, within: '1s' } }, 'Wrong.handle: batch.size is 0'],
    ['more than fits', { batch: { size: 5_001, within: '1s' }, concurrency: 2 }, 'from 1 to 5000'],
    ['no time', { batch: { size: 1, within: 'soon' as never } }, 'Wrong.handle: batch.within is "soon"'],
    ['another by', { batch: { size: 1, within: 0, by: 'topic' as never } }, 'batch.by is "topic"'],
    ['a type', { batch: { size: 1, within: 0 }, type: 'a' }, 'a handler of batches takes every message'],
  ])('is refused with %s', async (_what, options, why) => {
    class Wrong {
      @Consume('t', options)
      handle(): void {}
    }
    await expect(start(Wrong)).rejects.toThrow(why);
  });

  it('is refused when it asks for one event', async () => {
    class Wrong {
      @Consume('t', { batch: { size: 2, within: 0 } })
      handle(@Event() _event: unknown): void {}
    }
    await expect(start(Wrong)).rejects.toThrow('Wrong.handle: a batch is many events');
  });
});
