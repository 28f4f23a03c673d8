import { delivery } from '../message/delivery.fixture.js';
import type { Delivery } from '../message/delivery.js';
import {
  checkHeaders,
  NO_HEADERS,
  REPLAY_COUNT_HEADER,
  SIGNATURE_HEADER,
  withHeaders,
} from '../message/headers.js';
import type { Outgoing } from '../message/outgoing.js';
import { VirtualClock } from '../testing/virtual-clock.js';
import { Signing, type SigningPolicy } from './signing.js';

const OLD = { id: 'k1', secret: 'one'.repeat(20) };
const NEW = { id: 'k2', secret: Buffer.alloc(32, 7) };
const POLICY: SigningPolicy = { keys: [OLD, NEW], sign: 'k2', required: true, maxAgeMs: undefined };

const clock = new VirtualClock();
const signing = (given: Partial<SigningPolicy> = {}): Signing => new Signing({ ...POLICY, ...given }, clock);

const MESSAGE: Outgoing = {
  topic: 'orders',
  to: undefined,
  id: 'm-1',
  key: 'o-1',
  body: '{"total":5}',
  headers: checkHeaders({ tenant: 'acme' }),
  delayMs: undefined,
  ttlMs: undefined,
  event: undefined,
};

function arrived({ id, topic, key, body, headers }: Outgoing, given: Partial<Delivery> = {}): Delivery {
  return delivery({ id, topic, key, body, headers, ...given });
}

describe('a signed message', () => {
  const sent = signing().out(MESSAGE);

  it('says in a header who signed it and when, and is otherwise as it was', () => {
    const { [SIGNATURE_HEADER]: signature, ...headers } = sent.headers;
    expect(signature).toMatch(new RegExp(`^1;k2;${clock.now()};[\\w-]{43}$`));
    expect({ ...sent, headers }).toEqual({ ...MESSAGE, headers: { ...MESSAGE.headers } });
  });

  it('comes in as it is, as text or as bytes', () => {
    const came = arrived(sent);
    expect(signing().in(came)).toBe(came);
    expect(() => signing().in(arrived(sent, { body: Buffer.from(sent.body as string) }))).not.toThrow();
  });

  it.each<[string, Partial<Delivery>]>([
    ['the body', { body: '{"total":6}' }],
    ['the id', { id: 'm-2' }],
    ['the topic', { topic: 'refunds' }],
    ['the key', { key: 'o-2' }],
    ['a missing key', { key: undefined }],
    ['a header', { headers: withHeaders(sent.headers, { tenant: 'other' }) }],
    ['one more header', { headers: withHeaders(sent.headers, { role: 'admin' }) }],
    ['a header of the library', { headers: withHeaders(sent.headers, { 'pp-reply-to': 'elsewhere' }) }],
    [
      'the time',
      {
        headers: withHeaders(sent.headers, {
          [SIGNATURE_HEADER]: (sent.headers[SIGNATURE_HEADER] as string).replace(/;\d+;/, ';1;'),
        }),
      },
    ],
    [
      'the name of the key',
      {
        headers: withHeaders(sent.headers, {
          [SIGNATURE_HEADER]: (sent.headers[SIGNATURE_HEADER] as string).replace('k2', 'k1'),
        }),
      },
    ],
    ['all of the signature', { headers: withHeaders(sent.headers, { [SIGNATURE_HEADER]: '1;k2;1;' }) }],
  ])('is refused when %s was changed', (_, change) => {
    expect(() => signing().in(arrived(sent, change))).toThrow('the signature of the message does not fit it');
  });

  it('is refused where its key is not known, by the name of the key and never by a secret', () => {
    const stranger = signing({ keys: [OLD], sign: 'k1' });
    expect(() => stranger.in(arrived(sent))).toThrow('signed with the key "k2", which is not known here');
  });

  it('is known by every key while keys are changed', () => {
    const before = signing({ keys: [OLD], sign: 'k1' });
    expect(() => signing().in(arrived(before.out(MESSAGE)))).not.toThrow();
  });
});

describe('a message without a signature', () => {
  it('is refused where one is required', () => {
    expect(() => signing().in(arrived(MESSAGE))).toThrow('the message is not signed');
  });

  it('passes where it is not, but a wrong one does not', () => {
    const lenient = signing({ required: false });
    expect(() => lenient.in(arrived(MESSAGE))).not.toThrow();
    expect(() =>
      lenient.in(arrived({ ...MESSAGE, headers: withHeaders(NO_HEADERS, { [SIGNATURE_HEADER]: 'x' }) })),
    ).toThrow(/does not fit/);
  });
});

describe('a signature that is old', () => {
  it('is refused at the first attempt, and not at a retry', async () => {
    const short = signing({ maxAgeMs: 1_000 });
    const sent = short.out(MESSAGE);
    await clock.advance(1_000);
    expect(() => short.in(arrived(sent))).not.toThrow();
    await clock.advance(1);
    expect(() => short.in(arrived(sent))).toThrow('was signed 1001 ms ago, 1000 ms are allowed');
    expect(() => short.in(arrived(sent, { attempt: 2 }))).not.toThrow();
  });

  it('is not made for a message that waits longer', () => {
    const short = signing({ maxAgeMs: 1_000 });
    expect(() => short.out({ ...MESSAGE, delayMs: 1_000 })).toThrow(/raise maxAge/);
    expect(() => short.out({ ...MESSAGE, delayMs: 999 })).not.toThrow();
  });

  it('from the future is refused, but for clocks that differ a little', async () => {
    const ahead = new VirtualClock();
    await ahead.advance(clock.now() - ahead.now() + 301_000);
    const sent = new Signing(POLICY, ahead).out(MESSAGE);
    expect(() => signing({ maxAgeMs: 1_000 }).in(arrived(sent))).toThrow(/in the future/);
  });
});

describe('a replay', () => {
  const again = (message: Outgoing, given: Partial<Outgoing> = {}): Outgoing => ({
    ...message,
    to: 'work',
    headers: withHeaders(message.headers, { [REPLAY_COUNT_HEADER]: '1' }),
    ...given,
  });

  it('is signed anew, however old it is', async () => {
    const sent = signing({ maxAgeMs: 1_000 }).out(MESSAGE);
    await clock.advance(10_000);
    const replayed = signing({ maxAgeMs: 1_000 }).out(again(sent));
    expect(() => signing({ maxAgeMs: 1_000 }).in(arrived(replayed))).not.toThrow();
  });

  it('of what is forged or not signed stays where it is', () => {
    const forged = { ...signing().out(MESSAGE), body: '{"total":6}' };
    expect(() => signing().out(again(forged))).toThrow(/does not fit/);
    expect(() => signing().out(again(MESSAGE))).toThrow(/not signed/);
  });

  it('of what somebody has edited is signed as it is now', () => {
    const edited = again(signing().out(MESSAGE), { body: '{"total":6}', edited: true });
    expect(() => signing().in(arrived(signing().out(edited)))).not.toThrow();
  });

  it('is not what a first message to one subscription is', () => {
    expect(() => signing().out({ ...MESSAGE, to: 'work' })).not.toThrow();
  });
});
