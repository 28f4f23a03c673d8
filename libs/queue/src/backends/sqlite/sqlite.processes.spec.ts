import { jest } from '@jest/globals';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { failure, message, settle, SqliteFixture, take, takeOne, work } from './sqlite.fixture.js';

// Several processes start here, on a machine that may be busy.
jest.setTimeout(30_000);

const CHILD = join(import.meta.dirname, 'spec-child.mjs');

/** Another process on the same database. */
class Other {
  readonly #child: ChildProcess;
  readonly #lines: AsyncIterator<string>;

  constructor(role: 'hold' | 'write' | 'echo', ...args: readonly string[]) {
    this.#child = spawn(process.execPath, [CHILD, role, ...args], { stdio: ['pipe', 'pipe', 'inherit'] });
    const lines = createInterface({ input: this.#child.stdout as NodeJS.ReadableStream });
    this.#lines = lines[Symbol.asyncIterator]();
  }

  async line(): Promise<string> {
    const { value } = (await this.#lines.next()) as { value: string | undefined };
    return value ?? 'ended';
  }

  tell(line: string): void {
    this.#child.stdin?.write(`${line}\n`);
  }

  async end(signal?: 'SIGKILL'): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const exited = once(this.#child, 'exit');
    if (signal) this.#child.kill(signal);
    else this.tell('end');
    await exited;
  }
}

let fixture: SqliteFixture;
const others: Other[] = [];
const start = (...args: ConstructorParameters<typeof Other>): Other => {
  const other = new Other(...args);
  others.push(other);
  return other;
};
beforeEach(() => void (fixture = new SqliteFixture()));
afterEach(async () => {
  await Promise.all(others.splice(0).map((other) => other.end('SIGKILL')));
  await fixture.close();
});

it('delivers what a killed process held when its lease is over, and counts the crash', async () => {
  const backend = await fixture.openReady();
  await backend.publish([message('a'), message('b'), message('c')]);
  const other = start('hold', fixture.file, '2');
  expect(await other.line()).toBe('a b');
  await other.end('SIGKILL');
  const receiver = await work(backend);
  expect(await take(receiver, 1)).toMatchObject([{ id: 'c', attempt: 1, crashes: 0 }]);
  fixture.clock.aheadMs = 60_001;
  const back = await take(receiver, 2);
  expect(back).toMatchObject([
    { id: 'a', attempt: 2, crashes: 1 },
    { id: 'b', attempt: 2, crashes: 1 },
  ]);
});

it('lets several processes write at once, and nobody hears of a lock', async () => {
  const backend = await fixture.openReady();
  const writers = [1, 2, 3].map(() => start('write', fixture.file, '200'));
  const receiver = await work(backend);
  const taken = new Set<string>();
  while (taken.size < 600) {
    for (const delivery of await take(receiver, 1)) {
      expect(taken.has(delivery.id)).toBe(false);
      taken.add(delivery.id);
      expect(await settle(receiver, { kind: 'ack', delivery })).toBe('ok');
    }
  }
  expect(await Promise.all(writers.map((writer) => writer.line()))).toEqual(['[]', '[]', '[]']);
  expect(backend.status()).toMatchObject({ state: 'up', lastError: undefined });
});

describe('a message of another process', () => {
  /** Median time from "stored" there to "delivered" here, over some messages to an idle receiver. */
  async function medianMs(receiver: Awaited<ReturnType<typeof work>>, other: Other): Promise<number> {
    const delays: number[] = [];
    for (let at = 0; at < 15; at++) {
      const received = takeOne(receiver).then((delivery) => ({
        delivery,
        at: performance.timeOrigin + performance.now(),
      }));
      other.tell(`m${at}`);
      const [storedAt, { delivery, at: receivedAt }] = [Number(await other.line()), await received];
      expect(delivery.id).toBe(`m${at}`);
      delays.push(receivedAt - storedAt);
      await settle(receiver, { kind: 'ack', delivery });
    }
    return delays.sort((left, right) => left - right)[7] as number;
  }

  it('rings an idle receiver, long before the next poll', async () => {
    const receiver = await work(await fixture.openReady({ pollMs: 10_000 }));
    const other = start('echo', fixture.file);
    expect(await other.line()).toBe('ready');
    expect(await medianMs(receiver, other)).toBeLessThan(50);
  });

  it('is found by polling where files cannot be watched', async () => {
    const backend = await fixture.openReady({ pollMs: 20 });
    const other = start('echo', fixture.file);
    expect(await other.line()).toBe('ready');
    rmSync(`${fixture.file}-bell`);
    expect(await medianMs(await work(backend), other)).toBeLessThan(50);
  });
});

it('keeps the write-ahead log bounded while messages come and go', async () => {
  const backend = await fixture.openReady({ synchronous: 'NORMAL' });
  const receiver = await work(backend);
  const body = 'x'.repeat(8_000);
  for (let round = 0; round < 20; round++) {
    await backend.publish(Array.from({ length: 200 }, (_, at) => message(`m${at}`, { body })));
    const taken = await take(receiver, 200);
    await receiver.settle(
      taken.map((delivery) => ({ kind: 'retry', delivery, delayMs: 0, failure: failure(1) })),
    );
    await receiver.settle((await take(receiver, 200)).map((delivery) => ({ kind: 'ack', delivery })));
  }
  expect(statSync(`${fixture.file}-wal`).size).toBeLessThan(16 * 1024 * 1024);
  expect(statSync(fixture.file).size).toBeLessThan(16 * 1024 * 1024);
});
