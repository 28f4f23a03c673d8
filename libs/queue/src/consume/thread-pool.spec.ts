import { setImmediate } from 'node:timers/promises';
import { ThreadPool } from './thread-pool.js';

const MODULE = new URL('./spec-thread.mjs', import.meta.url);

let pool: ThreadPool;
const open = (threads: number): ThreadPool => (pool = new ThreadPool(MODULE, { threads }));

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await setImmediate();
}

/** What a thread waits for, and how it is let go. */
class SharedGate {
  readonly buffer = new SharedArrayBuffer(4);

  open(): void {
    const cell = new Int32Array(this.buffer);
    Atomics.store(cell, 0, 1);
    Atomics.notify(cell, 0);
  }
}

const turnsOf = (buffer: SharedArrayBuffer): number => Atomics.load(new Int32Array(buffer), 0);

afterEach(() => pool.close());

describe('a pool of threads', () => {
  it('runs a plain function elsewhere, and answers with what it answers', async () => {
    open(2);
    await expect(pool.run<number>({ do: 'add', numbers: [1, 2, 3] })).resolves.toBe(6);
  });

  it('has no more threads than it was told, and keeps them', async () => {
    open(1);
    const counts = await Promise.all([1, 2, 3].map(() => pool.run({ do: 'count' })));
    expect(counts).toEqual([1, 2, 3]);
  });

  it('lets work wait for a free thread, and works side by side', async () => {
    open(2);
    const gates = [new SharedGate(), new SharedGate(), new SharedGate()];
    const ended: number[] = [];
    const runs = gates.map(({ buffer }, at) =>
      pool.run({ do: 'wait', gate: buffer }).then(() => ended.push(at)),
    );
    gates[2]?.open();
    gates[1]?.open();
    await until(() => ended.length === 2);
    expect(ended).toEqual([1, 2]);
    gates[0]?.open();
    await Promise.all(runs);
  });

  it('passes on what the function throws', async () => {
    open(1);
    await expect(pool.run({ do: 'throw' })).rejects.toMatchObject({
      name: 'RangeError',
      message: 'no such number',
    });
    await expect(pool.run({ do: 'throw a text' })).rejects.toMatchObject({ code: 'thread_died' });
    await expect(pool.run({ do: 'function' })).rejects.toMatchObject({ name: 'DataCloneError' });
    await expect(pool.run({ do: 'add', numbers: () => 1 })).rejects.toMatchObject({ name: 'DataCloneError' });
    await expect(pool.run({ do: 'add', numbers: [1] })).resolves.toBe(1);
  });

  it('outlives a thread that dies, and says what died', async () => {
    open(1);
    const others = pool.run({ do: 'die' });
    const next = pool.run({ do: 'count' });
    await expect(others).rejects.toMatchObject({
      code: 'thread_died',
      message: expect.stringContaining('ended with 3') as unknown,
    });
    await expect(next).resolves.toBe(1);
  });

  it('ends a thread that computes for ever when its signal aborts', async () => {
    open(1);
    const turns = new SharedArrayBuffer(4);
    const abort = new AbortController();
    const endless = pool.run({ do: 'spin', turns }, { signal: abort.signal });
    await until(() => turnsOf(turns) > 0);
    abort.abort(new RangeError('enough'));
    await expect(endless).rejects.toThrow('enough');
    await expect(pool.run({ do: 'count' })).resolves.toBe(1);
    await pool.close();
    const seen = turnsOf(turns);
    await setImmediate();
    expect(turnsOf(turns)).toBe(seen);
  });

  it('never starts what was aborted before', async () => {
    open(1);
    const [gate, abort] = [new SharedGate(), new AbortController()];
    const first = pool.run({ do: 'wait', gate: gate.buffer });
    const second = pool.run({ do: 'count' }, { signal: abort.signal });
    abort.abort(new RangeError('changed my mind'));
    await expect(second).rejects.toThrow('changed my mind');
    await expect(pool.run({}, { signal: abort.signal })).rejects.toThrow('changed my mind');
    gate.open();
    await first;
    await expect(pool.run({ do: 'count' })).resolves.toBe(2);
  });

  it('refuses what comes after its end, and what was not done by then', async () => {
    open(1);
    const runs = [1, 2].map(() => pool.run({ do: 'wait', gate: new SharedGate().buffer }));
    const refused = Promise.all(
      runs.map((run) => expect(run).rejects.toMatchObject({ code: 'thread_pool_closed' })),
    );
    await pool.onApplicationShutdown();
    await refused;
    await expect(pool.run({ do: 'count' })).rejects.toMatchObject({ code: 'thread_pool_closed' });
  });

  it('says what is wrong with its module', async () => {
    pool = new ThreadPool(new URL('./no-such-module.mjs', import.meta.url), { threads: 1 });
    await expect(pool.run({})).rejects.toThrow('no-such-module.mjs');
  });
});
