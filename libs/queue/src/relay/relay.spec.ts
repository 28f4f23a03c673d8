import {
  BackendUnavailableError,
  PayloadTooLargeError,
  PublishOutcomeUnknownError,
} from '../backend/backend.errors.js';
import type { PublishResult } from '../backend/backend.js';
import type { Outgoing } from '../message/outgoing.js';
import { turns } from '../testing/virtual-clock.js';
import { Landing, message } from './relay.fixture.js';
import { LoopGuard, VIA_HEADER } from './loop-guard.js';
import type { RelayItem, RelayResult, RelaySource } from './relay-source.js';
import { ReceiverSource } from './receiver-source.js';
import { Relay } from './relay.js';
import { withMessage } from './with-message.js';

const DOWN: PublishResult = {
  status: 'refused',
  error: new BackendUnavailableError('there', 'publish', 'it is down'),
};
const TOO_LARGE: PublishResult = { status: 'refused', error: new PayloadTooLargeError('there', 2, 1) };
const UNKNOWN: PublishResult = { status: 'unknown', error: new PublishOutcomeUnknownError('who knows') };
const STORED: PublishResult = { status: 'stored', copies: 1 };

/** Fails these ids, as long as they are in the set. */
function failing(ids: Set<string>, result: PublishResult): Landing['publishing'] {
  return async (batch, rightly) => {
    const good = await rightly(batch.filter(({ id }) => !ids.has(id)));
    const left = [...good];
    return batch.map(({ id }) => (ids.has(id) ? result : (left.shift() as PublishResult)));
  };
}

async function landingWith(...ids: string[]): Promise<Landing> {
  const landing = await Landing.open();
  await landing.publish(...ids);
  return landing;
}

describe('a relay', () => {
  it('moves what the source has, as it is, and acknowledges it', async () => {
    const landing = await landingWith('a', 'b', 'c');
    const report = await landing.runFor(await landing.relay(), 1_000);
    expect(report).toMatchObject({ moved: 3, dropped: 0, refused: 0, failed: 0, state: 'stopped' });
    expect(report.perSecond).toBeCloseTo(3);
    expect(await landing.idsIn(landing.there, 'in')).toEqual(['a', 'b', 'c']);
    expect(await landing.idsIn(landing.here, 'out')).toEqual([]);
  });

  it('goes on with what comes later', async () => {
    const landing = await Landing.open();
    const running = landing.run(await landing.relay());
    await landing.publish('a');
    await landing.clock.advance(10);
    await landing.publish('b');
    await landing.clock.advance(10);
    landing.stop();
    expect((await running).moved).toBe(2);
    expect(await landing.idsIn(landing.there, 'in')).toEqual(['a', 'b']);
  });

  it('takes no more at a time than its batch, and publishes no more than the target takes', async () => {
    const landing = await landingWith('a', 'b', 'c', 'd', 'e');
    await landing.runFor(await landing.relay({ batch: 2 }), 10);
    expect(landing.calls).toEqual([['a', 'b'], ['c', 'd'], ['e']]);
  });

  it('makes several calls of a batch that is larger than what the target takes', async () => {
    const landing = await landingWith('a', 'b', 'c');
    const { there } = landing;
    const capabilities = { ...there.capabilities, batch: { publish: 2, receive: 2, settle: 2 } };
    const target = { name: 'there', capabilities, publish: there.publish.bind(there) };
    expect((await landing.runFor(await landing.relay({ target }), 10)).moved).toBe(3);
    expect(landing.calls).toEqual([['a', 'b'], ['c']]);
  });

  it('changes, and drops, what it is told to', async () => {
    const landing = await landingWith('a', 'b');
    const change = (given: Outgoing) => (given.id === 'a' ? undefined : withMessage(given, { body: 'B' }));
    const report = await landing.runFor(await landing.relay({ change }), 10);
    expect(report).toMatchObject({ moved: 1, dropped: 1 });
    const receiver = await landing.there.open({ name: 'in', topics: ['t'], leaseMs: 1_000 });
    const [delivery] = await receiver.receive(10, new AbortController().signal);
    expect(delivery).toMatchObject({ id: 'b', body: 'B' });
    expect(await landing.idsIn(landing.here, 'out')).toEqual([]);
  });

  it('refuses a message that cannot be changed, and moves the others', async () => {
    const landing = await landingWith('a', 'b');
    const change = (given: Outgoing) => {
      if (given.id === 'a') throw new TypeError('no');
      return given;
    };
    const report = await landing.runFor(await landing.relay({ change }), 10);
    expect(report).toMatchObject({ moved: 1, refused: 1, lastError: { code: 'relay_change_failed' } });
    expect(await landing.idsIn(landing.here, 'out', 'dead')).toEqual(['a']);
  });

  it('tells of its progress after each batch', async () => {
    const landing = await landingWith('a', 'b', 'c');
    const seen: number[] = [];
    await landing.runFor(await landing.relay({ batch: 2, observe: ({ moved }) => seen.push(moved) }), 10);
    expect(seen).toEqual([2, 3]);
  });

  it.each([{ batch: 0 }, { batch: 1.5 }, { ratePerSecond: 0 }, { ratePerSecond: NaN }, { timeoutMs: 0 }])(
    'refuses %j',
    async (options) => {
      const landing = await Landing.open();
      await expect(landing.relay(options)).rejects.toMatchObject({ code: 'invalid_relay' });
    },
  );
});

describe('the rate of a relay', () => {
  it('is kept, evenly', async () => {
    const landing = await landingWith(...Array.from({ length: 200 }, (_, at) => `m${at}`));
    const running = landing.run(await landing.relay({ ratePerSecond: 50 }));
    for (const second of [1, 2, 3]) {
      await landing.clock.advance(1_000);
      const moved = (await landing.idsIn(landing.there, 'in')).length;
      expect(moved).toBeGreaterThanOrEqual(50 * second);
      expect(moved).toBeLessThanOrEqual(50 * second + 5);
    }
    landing.stop();
    await running;
  });

  it('does not make up for time when there was nothing to move', async () => {
    const landing = await Landing.open();
    const running = landing.run(await landing.relay({ ratePerSecond: 10 }));
    await landing.clock.advance(60_000);
    await landing.publish(...Array.from({ length: 20 }, (_, at) => `m${at}`));
    await landing.clock.advance(1_000);
    expect(landing.calls.length).toBeLessThanOrEqual(11);
    landing.stop();
    await running;
  });

  it('may be less than one a second, and does not hold up a stop', async () => {
    const landing = await landingWith('a', 'b');
    const running = landing.run(await landing.relay({ ratePerSecond: 0.1 }));
    await landing.clock.advance(9_000);
    expect(landing.calls).toEqual([['a']]);
    landing.stop();
    expect((await running).moved).toBe(1);
    expect(landing.clock.pending).toBe(0);
  });
});

describe('the order of a relay', () => {
  it('sends the next message of a key when the one before it was confirmed', async () => {
    const landing = await landingWith('a:1', 'a:2', 'b:1', 'x', 'b:2', 'a:3');
    await landing.runFor(await landing.relay(), 10);
    expect(landing.calls).toEqual([['a:1', 'b:1', 'x'], ['a:2', 'b:2'], ['a:3']]);
  });

  it('holds back a key after a failure, and only that key', async () => {
    const landing = await landingWith('a:1', 'a:2', 'b:1', 'x', 'b:2');
    const down = new Set(['a:1']);
    landing.publishing = failing(down, DOWN);
    const running = landing.run(await landing.relay());
    await turns();
    expect(await landing.idsIn(landing.there, 'in')).toEqual(['b:1', 'x', 'b:2']);
    down.clear();
    await landing.clock.advance(1_000);
    landing.stop();
    expect(await running).toMatchObject({ moved: 5, failed: 1 });
    expect(await landing.idsIn(landing.there, 'in')).toEqual(['b:1', 'x', 'b:2', 'a:1', 'a:2']);
  });

  it('goes on with a key after a refusal that is for good', async () => {
    const landing = await landingWith('a:1', 'a:2');
    landing.publishing = failing(new Set(['a:1']), TOO_LARGE);
    expect(await landing.runFor(await landing.relay(), 10)).toMatchObject({ moved: 1, refused: 1 });
    expect(await landing.idsIn(landing.here, 'out', 'dead')).toEqual(['a:1']);
  });

  it('sends a whole batch in one call when it is pipelined', async () => {
    const landing = await landingWith('a:1', 'a:2', 'b:1', 'a:3');
    await landing.runFor(await landing.relay({ order: 'pipelined' }), 10);
    expect(landing.calls).toEqual([['a:1', 'a:2', 'b:1', 'a:3']]);
  });
});

describe('a relay whose target fails', () => {
  it('tries again after pauses that grow, and loses nothing', async () => {
    const landing = await landingWith('a', 'b');
    landing.publishing = (batch) => Promise.resolve(batch.map(() => DOWN));
    const running = landing.run(await landing.relay());
    await landing.clock.advance(60_000);
    const triesInAMinute = landing.calls.length;
    expect(triesInAMinute).toBeGreaterThan(8);
    expect(triesInAMinute).toBeLessThan(13);
    landing.publishing = (batch, rightly) => rightly(batch);
    await landing.clock.advance(30_000);
    landing.stop();
    expect(await running).toMatchObject({ moved: 2, lastError: DOWN.status === 'refused' && DOWN.error });
    expect(await landing.idsIn(landing.there, 'in')).toEqual(['a', 'b']);
  });

  it('gives up after so many failures in a row when it is told to, and leaves everything in its place', async () => {
    const landing = await landingWith('a', 'b');
    landing.publishing = (batch) => Promise.resolve(batch.map(() => DOWN));
    const running = landing.run(await landing.relay({ giveUpAfter: 3 }));
    await landing.clock.advance(10_000);
    expect(await running).toMatchObject({ moved: 0, failed: 6, state: 'gave-up' });
    expect(await landing.idsIn(landing.here, 'out')).toEqual(['a', 'b']);
    expect(landing.clock.pending).toBe(0);
  });

  it('tries again what may be stored already, with the same id', async () => {
    const landing = await landingWith('a');
    let lost = true;
    landing.publishing = async (batch, rightly) => {
      const results = await rightly(batch);
      if (!lost) return results;
      lost = false;
      return [UNKNOWN];
    };
    await landing.runFor(await landing.relay(), 1_000);
    expect(await landing.idsIn(landing.there, 'in')).toEqual(['a', 'a']);
  });

  it.each([
    ['throws', () => Promise.reject(new TypeError('no'))],
    ['answers nothing', () => Promise.resolve([])],
  ] as const)('takes a backend that %s for an outcome that is unknown', async (_how, answer) => {
    const landing = await landingWith('a');
    landing.publishing = answer;
    const relay = await landing.relay({ giveUpAfter: 1 });
    expect(await landing.run(relay)).toMatchObject({
      failed: 1,
      lastError: { code: 'publish_outcome_unknown' },
    });
  });

  it('gives back a batch that gets no answer in time, and keeps the key’s later ones back', async () => {
    const landing = await landingWith('a:1', 'a:2', 'b:1');
    landing.publishing = () => new Promise(() => {});
    const running = landing.run(await landing.relay({ giveUpAfter: 1, timeoutMs: 5_000 }));
    await landing.clock.advance(5_000);
    expect(await running).toMatchObject({ failed: 2, state: 'gave-up' });
    expect(await landing.idsIn(landing.here, 'out')).toEqual(['a:1', 'a:2', 'b:1']);
    expect(landing.clock.pending).toBe(0);
  });
});

describe('a relay that is stopped', () => {
  it('finishes the batch that is under way and tells the source', async () => {
    const landing = await landingWith('a', 'b', 'c');
    let confirm = (): void => {};
    landing.publishing = async (batch) => {
      await new Promise<void>((resolve) => (confirm = resolve));
      return batch.map(() => STORED);
    };
    const running = landing.run(await landing.relay({ batch: 2 }));
    await turns();
    landing.stop();
    await turns();
    confirm();
    expect(await running).toMatchObject({ moved: 2, state: 'stopped' });
    expect(await landing.idsIn(landing.here, 'out')).toEqual(['c']);
  });

  it('takes nothing when it was stopped before', async () => {
    const landing = await landingWith('a');
    const relay = await landing.relay();
    expect(await relay.run(AbortSignal.abort())).toMatchObject({ moved: 0, state: 'stopped' });
    expect(landing.calls).toEqual([]);
  });
});

/** Items as a table would have them; a `done` that is not told keeps them. */
class Table implements RelaySource {
  readonly name = 'table';
  readonly told: string[] = [];
  forgetful = 0;

  constructor(private rows: readonly Outgoing[]) {}

  take(max: number): Promise<readonly RelayItem[] | undefined> {
    if (this.rows.length === 0) return Promise.resolve(undefined);
    return Promise.resolve(this.rows.slice(0, max).map((row) => ({ message: row })));
  }

  done(results: readonly RelayResult[]): Promise<void> {
    if (this.forgetful-- > 0) return Promise.reject(new TypeError('the table is locked'));
    this.told.push(...results.map(({ item, outcome }) => `${item.message.id} ${outcome.kind}`));
    const moved = new Set(
      results.filter(({ outcome }) => outcome.kind === 'moved').map(({ item }) => item.message),
    );
    this.rows = this.rows.filter((row) => !moved.has(row));
    return Promise.resolve();
  }
}

describe('a relay of a source that ends', () => {
  it('drops what has expired meanwhile, and says so', async () => {
    const landing = await Landing.open();
    const outcomes: unknown[] = [];
    const table = new Table([{ ...message('a'), ttlMs: 0 }]);
    table.done = (results) => {
      outcomes.push(...results.map(({ outcome }) => outcome));
      return Promise.reject(new TypeError('enough'));
    };
    await landing.run(await landing.relay({ source: table, giveUpAfter: 1 }));
    expect(outcomes).toEqual([{ kind: 'dropped', why: 'expired' }]);
    expect(landing.calls).toEqual([]);
  });

  it('finishes', async () => {
    const landing = await Landing.open();
    const table = new Table(['a', 'b', 'c'].map(message));
    const report = await landing.run(await landing.relay({ source: table, batch: 2 }));
    expect(report).toMatchObject({ moved: 3, state: 'finished' });
    expect(table.told).toEqual(['a moved', 'b moved', 'c moved']);
  });

  it('moves again what the source could not be told of', async () => {
    const landing = await Landing.open();
    const table = new Table(['a', 'b'].map(message));
    table.forgetful = 1;
    const running = landing.run(await landing.relay({ source: table }));
    await landing.clock.advance(1_000);
    expect(await running).toMatchObject({
      moved: 2,
      state: 'finished',
      lastError: { message: 'the table is locked' },
    });
    expect(await landing.idsIn(landing.there, 'in')).toEqual(['a', 'b', 'a', 'b']);
  });

  it('goes on where a run before it stopped', async () => {
    const landing = await Landing.open();
    const table = new Table(['a', 'b', 'c'].map(message));
    const stop = new AbortController();
    const relay = await landing.relay({ source: table, batch: 1, observe: () => stop.abort() });
    expect(await relay.run(stop.signal)).toMatchObject({ moved: 1, state: 'stopped' });
    expect(await landing.run(relay)).toMatchObject({ moved: 3, state: 'finished' });
    expect(table.told).toEqual(['a moved', 'b moved', 'c moved']);
  });

  it('waits for a source that fails', async () => {
    const landing = await Landing.open();
    const table = new Table(['a'].map(message));
    const take = table.take.bind(table);
    let failures = 3;
    table.take = (max) => (failures-- > 0 ? Promise.reject(new TypeError('no')) : take(max));
    const running = landing.run(await landing.relay({ source: table }));
    await landing.clock.advance(400);
    expect(landing.calls).toEqual([]);
    await landing.clock.advance(600);
    expect(await running).toMatchObject({ moved: 1, state: 'finished' });
  });
});

describe('a message with changes', () => {
  it('reads its body where it came from, when somebody asks, and keeps everything else', () => {
    const reads: string[] = [];
    class Late {
      readonly id = 'a';
      readonly priority = 7;
      get body(): string {
        reads.push('read');
        return 'late';
      }
    }
    const changed = withMessage(new Late() as unknown as Outgoing, { topic: 'u' });
    expect(reads).toEqual([]);
    expect(changed).toMatchObject({ id: 'a', topic: 'u', priority: 7, body: 'late' });
  });

  it('has no event any more when its body is another one', () => {
    const given = { ...message('a'), event: {} as Outgoing['event'] };
    expect(withMessage(given, { topic: 'u' }).event).toBe(given.event);
    expect(withMessage(given, { body: 'other' })).toMatchObject({ body: 'other', event: undefined });
  });
});

describe('the loop guard', () => {
  const guard = new LoopGuard({ from: 'here', to: 'there' });
  const back = new LoopGuard({ from: 'there', to: 'here' });
  const pass = (by: LoopGuard, given: Outgoing, changed = given) => by.pass(given, changed);

  it('writes down where a message has been, and does not let it go back', () => {
    const once = pass(guard, message('a')) as Outgoing;
    expect(once.headers[VIA_HEADER]).toBe('here/t');
    expect(pass(back, once)).toBeUndefined();
  });

  it('lets it go back to another topic, and no further than each place once', () => {
    const once = pass(guard, message('a')) as Outgoing;
    const twice = pass(back, once, withMessage(once, { topic: 'u' })) as Outgoing;
    expect(twice.headers[VIA_HEADER]).toBe('here/t,there/t');
    expect(pass(guard, twice, withMessage(twice, { topic: 't' }))).toBeUndefined();
  });

  it('does not let a message go where it comes from', () => {
    expect(pass(new LoopGuard({ from: 'here', to: 'here' }), message('a'))).toBeUndefined();
  });

  it('ends after so many hops, whatever the places are called', () => {
    let moving: Outgoing | undefined = message('a');
    let hops = 0;
    while (moving !== undefined && hops < 100) {
      moving = pass(new LoopGuard({ from: `p${hops}`, to: `p${hops + 1}`, maxHops: 5 }), moving);
      if (moving !== undefined) hops++;
    }
    expect(hops).toBe(5);
  });

  it('keeps two relays from playing ping-pong', async () => {
    const landing = await landingWith('a');
    const receiver = await landing.there.open({ name: 'in', topics: ['t'], leaseMs: 60_000 });

    const source = new ReceiverSource({ name: 'in', receiver, clock: landing.clock, host: 'h:1' });
    const { ambient, here } = landing;
    const returning = new Relay({ name: 'back', source, target: here, ambient, loopGuard: back });
    const going = await landing.relay({ loopGuard: guard });
    const runs = [landing.run(going), landing.run(returning)];
    await landing.clock.advance(1_000);
    landing.stop();
    expect((await Promise.all(runs)).map(({ moved, dropped }) => [moved, dropped])).toEqual([
      [1, 0],
      [0, 1],
    ]);
  });
});
