import { BackendUnavailableError, PayloadTooLargeError } from '../../backend/backend.errors.js';
import { STRICT_ORDER } from '../../backend/key-order.js';
import type { PublishResult } from '../../backend/backend.js';
import { Signing } from '../../composed/signing.js';
import { TransformedBackend } from '../../composed/transformed.backend.js';
import { NO_HEADERS } from '../../message/headers.js';
import type { Outgoing } from '../../message/outgoing.js';
import { turns } from '../../testing/virtual-clock.js';
import { Bus } from '../bus.js';
import { Ward } from './dead-letters.fixture.js';
import type { ReplayReport } from './replay.js';

const AT_ONCE = { rate: Infinity };
const DOWN: PublishResult = {
  status: 'refused',
  error: new BackendUnavailableError('main', 'publish', 'it is down'),
};
const TOO_LARGE: PublishResult = { status: 'refused', error: new PayloadTooLargeError('main', 2, 1) };

const FORGED: Outgoing = {
  topic: 'orders',
  to: undefined,
  id: 'forged',
  key: undefined,
  body: '{}',
  headers: NO_HEADERS,
  delayMs: undefined,
  ttlMs: undefined,
  event: undefined,
};

async function wardWith(...ids: readonly string[]): Promise<Ward> {
  const ward = await Ward.open();
  await ward.bury(...ids);
  return ward;
}

describe('a replay of many', () => {
  it('sends them back to their subscription and no other, in their order', async () => {
    const ward = await wardWith('a', 'b', 'c');
    const report = await ward.letters.replayAll({}, AT_ONCE);
    expect(report).toMatchObject({ replayed: 3, quarantined: 0, refused: 0, state: 'finished', ids: [] });
    expect(await ward.ids('ready')).toEqual(['a', 'b', 'c']);
    expect(await ward.ids('ready', 'audit')).toEqual(['a', 'b', 'c']);
    expect(await ward.ids('dead')).toEqual([]);
  });

  it('takes those that the filter is true of', async () => {
    const ward = await wardWith('a', 'b', 'c');
    expect(await ward.letters.replayAll({ where: ({ id }) => id !== 'b' }, AT_ONCE)).toMatchObject({
      replayed: 2,
    });
    expect(await ward.ids('dead')).toEqual(['b']);
  });

  it('keeps the priority', async () => {
    const ward = await Ward.open();
    await ward.bus.publish('orders', 1, { id: 'a', priority: 7 });
    await ward.die();
    await ward.letters.replayAll({}, AT_ONCE);
    expect(await ward.lying('ready')).toMatchObject([{ id: 'a', priority: 7 }]);
  });

  it('moves nothing in a dry run, and tells what it would move', async () => {
    const ward = await wardWith('a', 'b', 'c');
    const report = await ward.letters.replayAll({ where: ({ id }) => id !== 'b' }, { dryRun: true });
    expect(report).toMatchObject({ replayed: 2, state: 'finished', ids: ['a', 'c'] });
    expect(await ward.ids('dead')).toEqual(['a', 'b', 'c']);
    expect(await ward.ids('ready')).toEqual([]);
  });

  it('sends 50 a second unless it is told otherwise, and says how far it is', async () => {
    const ward = await wardWith(...Array.from({ length: 120 }, (_, at) => `m${at}`));
    const seen: ReplayReport[] = [];
    const running = ward.letters.replayAll({}, { onProgress: (report) => seen.push(report) });
    await ward.clock.advance(1_000);
    const afterASecond = (await ward.ids('ready')).length;
    expect(afterASecond).toBeGreaterThanOrEqual(50);
    expect(afterASecond).toBeLessThanOrEqual(55);
    expect(seen.at(-1)).toMatchObject({ replayed: afterASecond, state: 'running' });
    await ward.clock.advance(2_000);
    expect(await running).toMatchObject({ replayed: 120, state: 'finished' });
  });

  it('does not take again what dies while it runs', async () => {
    const ward = await wardWith(...Array.from({ length: 205 }, (_, at) => `m${at}`));
    await ward.clock.advance(1);
    const running = ward.letters.replayAll({}, { rate: 50 });
    for (let second = 0; second < 10; second++) {
      await ward.clock.advance(1_000);
      await ward.die();
    }
    expect(await running).toMatchObject({ replayed: 205, state: 'finished' });
  });

  it('stops when it is told to, and goes on with the same call', async () => {
    const ward = await wardWith('a', 'b', 'c', 'd');
    const stop = new AbortController();
    const running = ward.letters.replayAll({}, { rate: 1, signal: stop.signal });
    await ward.clock.advance(1_000);
    stop.abort();
    expect(await running).toMatchObject({ replayed: 2, state: 'stopped' });
    expect(await ward.letters.replayAll({}, AT_ONCE)).toMatchObject({ replayed: 2, state: 'finished' });
    expect(await ward.ids('ready')).toEqual(['a', 'b', 'c', 'd']);
  });

  it('waits for a backend that is down, and loses nothing', async () => {
    const ward = await wardWith('a', 'b');
    ward.gate.publishing = (batch) => Promise.resolve(batch.map(() => DOWN));
    const running = ward.letters.replayAll({}, AT_ONCE);
    await ward.clock.advance(5_000);
    ward.gate.publishing = undefined;
    await ward.clock.advance(20_000);
    expect(await running).toMatchObject({ replayed: 2, state: 'finished' });
    expect(await ward.ids('ready')).toEqual(['a', 'b']);
  });

  it('ends with an error that says how far it came when the backend stays down', async () => {
    const ward = await wardWith('a', 'b', 'c');
    let calls = 0;
    ward.gate.publishing = (batch, rightly) =>
      ++calls === 1 ? rightly(batch) : Promise.resolve(batch.map(() => DOWN));
    const thrown = ward.letters.replayAll({}, { rate: 10 }).catch((error: unknown) => error);
    await ward.clock.advance(60_000);
    expect(await thrown).toMatchObject({
      code: 'replay_stopped',
      report: { replayed: 1, state: 'stopped' },
      cause: { code: 'unavailable' },
    });
    expect(await ward.ids('dead')).toEqual(['b', 'c']);
  });

  it('does not repeat what it could not remove at once, and goes on where it could not look', async () => {
    const ward = await wardWith('a', 'b', 'c');
    let failures = 2;
    ward.gate.inspecting = ({ kind }) => {
      if (kind === 'purge' && failures-- > 0)
        throw new BackendUnavailableError('main', 'purge', 'it is busy');
    };
    const running = ward.letters.replayAll({}, AT_ONCE);
    await ward.clock.advance(5_000);
    expect(await running).toMatchObject({ state: 'finished' });
    expect(await ward.ids('ready')).toEqual(['a', 'b', 'c']);
    expect(await ward.ids('dead')).toEqual([]);
  });

  it('reads a page again that could not be read', async () => {
    const ward = await wardWith(...Array.from({ length: 250 }, (_, at) => `m${at}`));
    let looks = 0;
    ward.gate.inspecting = ({ kind }) => {
      if (kind === 'browse' && ++looks === 2)
        throw new BackendUnavailableError('main', 'browse', 'it is busy');
    };
    const running = ward.letters.replayAll({}, AT_ONCE);
    await ward.clock.advance(5_000);
    expect(await running).toMatchObject({ replayed: 250, state: 'finished' });
    expect(new Set(await ward.ids('ready')).size).toBe(250);
  });

  it('leaves what the backend does not take any more', async () => {
    const ward = await wardWith('a', 'b');
    ward.gate.publishing = async (batch, rightly) => {
      const results = await rightly(batch.filter(({ id }) => id !== 'a'));
      return batch.map(({ id }) => (id === 'a' ? TOO_LARGE : (results[0] as PublishResult)));
    };
    const report = await ward.letters.replayAll({}, AT_ONCE);
    expect(report).toMatchObject({ replayed: 1, refused: 1, state: 'finished' });
    expect(report.lastError).toMatchObject({ code: 'payload_too_large' });
    expect(await ward.ids('dead')).toEqual(['a']);
    await expect(ward.letters.replay('a')).rejects.toMatchObject({ code: 'payload_too_large' });
  });

  it('leaves both the letter and its copy when it is killed in between, and the next one finishes', async () => {
    const ward = await wardWith('a', 'b');
    ward.gate.publishing = async (batch, rightly) => {
      await rightly(batch);
      return new Promise(() => {}); // killed: nobody hears the answer
    };
    void ward.letters.replayAll({}, AT_ONCE);
    await turns();
    expect([await ward.ids('dead'), await ward.ids('ready')]).toEqual([
      ['a', 'b'],
      ['a', 'b'],
    ]);
    ward.gate.publishing = undefined;
    expect(await ward.letters.replayAll({}, AT_ONCE)).toMatchObject({ replayed: 2 });
    expect([await ward.ids('dead'), await ward.ids('ready')]).toEqual([[], ['a', 'b', 'a', 'b']]);
  });

  it('refuses a rate that is none', async () => {
    const ward = await wardWith('a');
    await expect(ward.letters.replayAll({}, { rate: 0 })).rejects.toMatchObject({ code: 'invalid_relay' });
  });
});

describe('quarantine', () => {
  async function failingAgain(times: number): Promise<Ward> {
    const ward = await wardWith('a');
    for (let replay = 0; replay < times; replay++) {
      await ward.letters.replay('a');
      await ward.die();
    }
    await ward.bury('b');
    return ward;
  }

  it('begins after five replays of one message, and spares the others', async () => {
    const ward = await failingAgain(5);
    await expect(ward.letters.replay('a')).rejects.toMatchObject({ code: 'quarantined' });
    expect(await ward.letters.replayAll({}, { dryRun: true })).toMatchObject({
      replayed: 1,
      quarantined: 1,
      ids: ['b'],
    });
    expect(await ward.letters.replayAll({}, AT_ONCE)).toMatchObject({ replayed: 1, quarantined: 1 });
    expect(await ward.ids('dead')).toEqual(['a']);
  });

  it('has not begun after four', async () => {
    const ward = await failingAgain(4);
    expect(await ward.letters.replay('a')).toBe(1);
  });

  it('begins where it is told to', async () => {
    const ward = await failingAgain(1);
    expect(await ward.letters.replayAll({}, { ...AT_ONCE, maxReplays: 1 })).toMatchObject({ quarantined: 1 });
  });

  it('gives way to force, and to an edit', async () => {
    const ward = await failingAgain(5);
    expect(await ward.letters.replay('a', { force: true })).toBe(1);
    await ward.die();
    expect(await ward.letters.replayAll({ id: 'a' }, { ...AT_ONCE, force: true })).toMatchObject({
      replayed: 1,
    });
    await ward.die();
    const id = await ward.letters.edit((await ward.letters.get('a'))!, { by: 'ada', data: 1 });
    await ward.die();
    expect(await ward.letters.replay(id)).toBe(1);
  });
});

describe('a replay of letters that hold their keys', () => {
  /** The first message of each of two keys is dead, the second one is held. */
  async function orderedWard(): Promise<Ward> {
    const ward = await Ward.open(STRICT_ORDER);
    for (const id of ['a1', 'b1', 'a2', 'b2']) {
      await ward.bus.publish('orders', { order: id }, { id, key: id.slice(0, 1) });
    }
    await ward.die();
    expect(await ward.ids('dead')).toEqual(['a1', 'b1']);
    return ward;
  }

  it('puts them back into their places, and counts them like any other', async () => {
    const ward = await orderedWard();
    expect(await ward.letters.replayAll({}, AT_ONCE)).toMatchObject({ replayed: 2, state: 'finished' });
    expect(await ward.ids('ready')).toEqual(['a1', 'b1']);
    expect(await ward.ids('held')).toEqual(['a2', 'b2']);
  });

  it('signs them anew where messages are signed, and leaves a forged one where it is', async () => {
    const ward = await Ward.open(STRICT_ORDER);
    const signing = (secret: string) =>
      new Signing({ keys: [{ id: 'k', secret }], sign: 'k', required: true, maxAgeMs: 60_000 }, ward.clock);
    const { clock } = ward;
    const own = signing('a'.repeat(32));
    const backend = new TransformedBackend(ward.gate, own, { clock, host: 'h:1', report: () => undefined });
    const bus = new Bus({ backend, source: 'urn:test', ambient: ward.ambient });
    await bus.publish('orders', {}, { id: 'a1', key: 'a' });
    const stranger = signing('b'.repeat(32));
    await ward.gate.publish([stranger.out({ ...FORGED, id: 'b1', key: 'b' })]);
    await ward.die();
    await clock.advance(120_000); // longer than a signature is taken for
    const report = await bus.deadLetters('work').replayAll({}, AT_ONCE);
    expect(report).toMatchObject({ replayed: 1, refused: 1, lastError: { code: 'bad_signature' } });
    const receiver = await backend.open({ name: 'work', topics: ['orders'], leaseMs: 1_000 });
    const delivered = await receiver.receive(5, new AbortController().signal);
    expect(delivered.map(({ id }) => id)).toEqual(['a1']);
    expect(await ward.ids('dead')).toEqual(['b1']);
  });

  it('keeps one that dies again before the replay has ended', async () => {
    const ward = await orderedWard();
    const dying = ward.dieNext();
    await ward.letters.replay('a1');
    await dying;
    expect(await ward.lying('dead')).toMatchObject([
      { id: 'a1', attempts: 1, headers: { 'pp-replay-count': '1' } },
      { id: 'b1' },
    ]);
    expect(await ward.ids('held')).toEqual(['a2', 'b2']);
  });
});
