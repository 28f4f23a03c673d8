import { codecOf, encodeCloudEvent } from '../../message/codec.js';
import { decodeEvent } from '../../message/envelope.js';
import { NO_HEADERS } from '../../message/headers.js';
import type { DeadLetterFilter } from './dead-letter-filter.js';
import { Ward } from './dead-letters.fixture.js';
import { lineageOf } from './lineage.js';

const idsOf = (letters: readonly { readonly id: string }[]): readonly string[] => letters.map(({ id }) => id);

/** Five dead letters that differ in everything; a second apart. */
async function mixed(): Promise<Ward> {
  const ward = await Ward.open();
  await ward.bus.publish('orders', 1, { id: 'a', key: 'k', type: 'order.placed' });
  await ward.die({ reason: 'timeout' });
  await ward.clock.advance(1_000);
  await ward.bus.publish('returns', 2, { id: 'b', key: 'k' });
  await ward.die();
  await ward.clock.advance(1_000);
  await ward.bus.publishRaw('orders', 'no event', { id: 'c' });
  await ward.die({ reason: 'decode_error', error: { name: 'DecodeError', message: '' } });
  await ward.bus.publish('orders', 4, { id: 'b', type: 'order.placed' });
  await ward.die();
  return ward;
}

const START = Date.UTC(2030, 0, 1);

describe('dead letters are found', () => {
  it.each<[string, DeadLetterFilter, string[]]>([
    ['all', {}, ['a', 'b', 'c', 'b']],
    ['by id', { id: 'b' }, ['b', 'b']],
    ['by topic', { topic: 'returns' }, ['b']],
    ['by key', { key: 'k' }, ['a', 'b']],
    ['by type', { type: 'order.placed' }, ['a', 'b']],
    ['by reason', { reason: 'timeout' }, ['a']],
    ['by class of error', { error: 'TypeError' }, ['a', 'b', 'b']],
    ['since a moment', { since: new Date(START + 1_000) }, ['b', 'c', 'b']],
    ['before a moment', { before: new Date(START + 1_000) }, ['a']],
    ['by anything else', { where: ({ body }) => body === 'no event' }, ['c']],
    ['by all of it together', { id: 'b', type: 'order.placed' }, ['b']],
  ])('%s', async (_how, filter, found) => {
    const { letters } = await mixed();
    expect(idsOf(await letters.browse(filter))).toEqual(found);
  });

  it('page by page, of those that match', async () => {
    const { letters } = await mixed();
    const first = await letters.browse({ type: 'order.placed', limit: 1 });
    const rest = await letters.browse({ type: 'order.placed', limit: 1, after: first[0]?.ref as string });
    expect([idsOf(first), idsOf(rest)]).toEqual([['a'], ['b']]);
    expect(await letters.browse({ limit: 0 })).toEqual([]);
  });

  it('on the page after one that is gone by now', async () => {
    const { letters } = await mixed();
    const [first] = await letters.browse();
    await letters.replay('a');
    expect(idsOf(await letters.browse({ after: first?.ref as string }))).toEqual(['b', 'c', 'b']);
  });

  it('however many there are', async () => {
    const ward = await Ward.open();
    await ward.bury(...Array.from({ length: 450 }, (_, at) => `m${at}`));
    expect(await ward.letters.browse({ limit: 1_000 })).toHaveLength(450);
  });

  it('one by its id', async () => {
    const { letters } = await mixed();
    expect(await letters.get('b')).toMatchObject({ id: 'b', topic: 'returns' });
    expect(await letters.get('z')).toBeUndefined();
  });
});

describe('an edited dead letter', () => {
  it('goes back as a message of its own that tells where it comes from', async () => {
    const ward = await Ward.open();
    await ward.bus.publish(
      'orders',
      { n: 'five' },
      { id: 'a', key: 'k', type: 't', headers: { tenant: 'acme' } },
    );
    await ward.die();
    const [letter] = await ward.letters.browse();
    const id = await ward.letters.edit(letter!, { by: 'ada', data: { n: 5 } });
    expect(await ward.ids('dead')).toEqual([]);
    expect(await ward.ids('ready', 'audit')).toEqual(['a']);
    const [again] = await ward.lying('ready');
    expect(again).toMatchObject({ id, topic: 'orders', key: 'k', attempts: 0 });
    expect(JSON.parse(again?.body as string)).toMatchObject({
      event_id: id,
      event_type: 't',
      correlation_id: 'a',
      data: { n: 5 },
    });
    expect(lineageOf(again!)).toEqual({ replays: 1, edited: { from: 'a', by: 'ada', at: START } });
    expect(again?.headers).toMatchObject({ tenant: 'acme' });
  });

  it('keeps the envelope’s key only as long as it is the same intent', async () => {
    const ward = await Ward.open();
    await ward.bus.publish('orders', 1, { id: 'a', idempotencyKey: 'intent' });
    await ward.die();
    const id = await ward.letters.edit((await ward.letters.get('a'))!, { by: 'ada', data: 2 });
    const [again] = await ward.lying('ready');
    expect(JSON.parse(again?.body as string)).not.toHaveProperty('idempotency_key');
    expect(id).not.toBe('a');
  });

  it('may have other bytes, headers and another key', async () => {
    const ward = await Ward.open();
    await ward.bus.publishRaw('orders', 'bad', { id: 'a', headers: { old: '1' } });
    await ward.die();
    const edit = { by: 'ada', body: 'good', headers: { new: '2' }, key: 'k' };
    await ward.letters.edit((await ward.letters.get('a'))!, edit);
    const [again] = await ward.lying('ready');
    expect(again).toMatchObject({ body: 'good', key: 'k' });
    expect(again?.headers['old']).toBeUndefined();
    expect(again?.headers['new']).toBe('2');
  });

  it('may only change its key, event or not', async () => {
    const ward = await Ward.open();
    await ward.bus.publish('orders', 7, { id: 'a' });
    await ward.bus.publishRaw('orders', 'raw', { id: 'b' });
    await ward.die();
    for (const id of ['a', 'b'])
      await ward.letters.edit((await ward.letters.get(id))!, { by: 'ada', key: 'k' });
    const [event, raw] = await ward.lying('ready');
    expect(JSON.parse(event?.body as string)).toMatchObject({ event_id: event?.id, data: 7 });
    expect(raw).toMatchObject({ key: 'k', body: 'raw' });
  });

  it.each(['cloudevents-structured', 'cloudevents-binary'] as const)('of %s stays one', async (codec) => {
    const ward = await Ward.open();
    const event = decodeEvent(
      JSON.stringify({
        specversion: '1.0',
        id: 'not "ours"',
        source: '/shop',
        type: 'order',
        sequence: '1',
        data: 1,
      }),
    );
    const { body, headers } = encodeCloudEvent(codec, event);
    await ward.bus.publishRaw('orders', body, { id: 'a', headers: { ...headers, mine: 'kept' } });
    await ward.die();
    const id = await ward.letters.edit((await ward.letters.get('a'))!, {
      by: 'ada',
      data: { n: 5 },
      key: 'k',
    });
    const [again] = await ward.lying('ready');
    expect(codecOf(again!.body, again!.headers)).toBe(codec);
    expect(again!.headers['mine']).toBe('kept');
    expect(decodeEvent(again!.body, again!.headers)).toMatchObject({
      event_id: id,
      source: '/shop',
      data: { n: 5 },
      extensions: { sequence: '1', partitionkey: 'k' },
    });
  });

  it('can be edited, and replayed, again', async () => {
    const ward = await Ward.open();
    await ward.bury('a');
    const { letters } = ward;
    await letters.replayAll({}, { rate: Infinity });
    await ward.die();
    const second = await letters.edit((await letters.get('a'))!, { by: 'ada', data: 1 });
    await ward.die();
    await letters.edit((await letters.get(second))!, { by: 'bob', data: 2 });
    const [again] = await ward.lying('ready');
    expect(lineageOf(again!)).toMatchObject({ replays: 1, edited: { from: second, by: 'bob' } });
  });

  it.each([
    ['both data and a body', { data: 1, body: 'x' }, 'invalid_edit'],
    ['data of what is no event', { data: 1 }, 'invalid_edit'],
    ['a body that is none', { body: 5 as unknown as string }, 'serialize_error'],
    ['headers of the library', { headers: { 'pp-x': '1' } }, 'invalid_header'],
    ['a key that is none', { key: '' }, 'invalid_name'],
    ['an editor without a name', { by: '', key: 'k' }, 'invalid_name'],
  ])('is refused with %s, and stays', async (_what, edit, code) => {
    const ward = await Ward.open();
    await ward.bus.publishRaw('orders', 'raw', { id: 'a' });
    await ward.die();
    const letter = (await ward.letters.get('a'))!;
    await expect(ward.letters.edit(letter, { by: 'ada', ...edit })).rejects.toMatchObject({ code });
    expect(await ward.ids('dead')).toEqual(['a']);
  });

  it('is refused when somebody else has taken the letter', async () => {
    const ward = await Ward.open();
    await ward.bury('a');
    const letter = (await ward.letters.get('a'))!;
    await ward.letters.replay('a');
    const edit = ward.letters.edit(letter, { by: 'ada', data: 1 });
    await expect(edit).rejects.toMatchObject({ code: 'no_such_dead_letter' });
    expect(await ward.ids('ready')).toEqual(['a']);
  });

  it('stays when its copy cannot be stored', async () => {
    const ward = await Ward.open();
    await ward.bury('a');
    ward.gate.publishing = () => Promise.reject(new TypeError('no'));
    const edit = ward.letters.edit((await ward.letters.get('a'))!, { by: 'ada', data: 1 });
    await expect(edit).rejects.toMatchObject({ code: 'publish_outcome_unknown' });
    expect(await ward.ids('dead')).toEqual(['a']);
  });

  it('writes a date that JSON would have to escape in the plain form', async () => {
    const ward = await Ward.open();
    const odd = 'Tue, 01 Jan 2030 00:00:00 GMT (\\"odd\\")';
    const body = `{"envelope":1,"event_id":"a","event_type":"t","source":"urn:x","timestamp":"${odd}","data":1}`;
    await ward.bus.publishRaw('orders', body, { id: 'a' });
    await ward.die();
    await ward.letters.edit((await ward.letters.get('a'))!, { by: 'ada', data: 2 });
    const [again] = await ward.lying('ready');
    expect(JSON.parse(again?.body as string)).toMatchObject({
      timestamp: '2030-01-01T00:00:00.000Z',
      data: 2,
    });
  });
});

describe('lineage', () => {
  it('believes no nonsense', async () => {
    expect(lineageOf({ headers: NO_HEADERS })).toEqual({ replays: 0, edited: undefined });
    const headers = {
      'pp-replay-count': 'NaN',
      'pp-edited-from': 'a',
      'pp-edited-by': 'b',
      'pp-edited-at': '-1',
    };
    expect(lineageOf({ headers })).toEqual({ replays: 0, edited: { from: 'a', by: 'b', at: 0 } });
  });
});
