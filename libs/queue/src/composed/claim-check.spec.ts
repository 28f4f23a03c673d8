import { memoryBackend } from '../backends/memory/index.js';
import { BackendUnavailableError } from '../backend/backend.errors.js';
import { delivery } from '../message/delivery.fixture.js';
import type { Delivery } from '../message/delivery.js';
import { checkHeaders, CLAIM_HEADER, NO_HEADERS, withHeaders } from '../message/headers.js';
import type { Outgoing } from '../message/outgoing.js';
import { MemoryBlobs } from '../testing/memory-blobs.js';
import { testAmbient } from '../testing/test-ambient.js';
import { turns, VirtualClock } from '../testing/virtual-clock.js';
import { ClaimCheck, type ClaimCheckPolicy } from './claim-check.js';
import { TransformedBackend } from './transformed.backend.js';

const POLICY: ClaimCheckPolicy = { overBytes: 8, maxBytes: 64, keepMs: 10_000, sweepEveryMs: 1_000 };
const LARGE = '"ü€😀 large"';

const plain = {
  topic: 'orders',
  to: undefined,
  id: 'm-1',
  key: undefined,
  delayMs: undefined,
  ttlMs: undefined,
};
const message = (given: Partial<Outgoing> = {}): Outgoing => ({
  ...plain,
  body: LARGE,
  headers: NO_HEADERS,
  event: undefined,
  ...given,
});

function world() {
  const clock = new VirtualClock();
  const blobs = new MemoryBlobs();
  const reports: string[] = [];
  const parts = {
    backend: 'main',
    blobs,
    ambient: testAmbient(clock),
    report: (said: string) => void reports.push(said),
  };
  return { clock, blobs, reports, check: new ClaimCheck(POLICY, parts) };
}

const arrived = ({ id, topic, body, headers }: Outgoing, given: Partial<Delivery> = {}): Delivery =>
  delivery({ id, topic, body, headers, ...given });

describe('a large body', () => {
  it.each([
    ['text', LARGE],
    ['bytes', Uint8Array.from({ length: 9 }, () => 0xff)],
  ])('of %s travels beside the broker, and comes back as it was', async (_, body) => {
    const { check, blobs } = world();
    const headers = checkHeaders({ tenant: 'acme' });
    const sent = await check.out(message({ body, headers }));
    expect(sent.body).toBe('');
    expect(blobs.held.size).toBe(1);
    const came = await check.in(arrived(sent));
    expect(came.body).toEqual(body);
    expect({ ...came.headers }).toEqual({ tenant: 'acme' });
  });

  it('is one that is larger than the limit, in bytes and not in characters', async () => {
    const { check, blobs } = world();
    const small = message({ body: '12345678' });
    expect(await check.out(small)).toBe(small);
    const came = arrived(small);
    expect(await check.in(came)).toBe(came);
    await check.out(message({ body: '1234567ü' }));
    expect(blobs.held.size).toBe(1);
  });

  it('that is too large for the store is refused', () => {
    const { check, blobs } = world();
    expect(() => check.out(message({ body: 'x'.repeat(65) }))).toThrow('takes 65 bytes');
    expect(blobs.held.size).toBe(0);
  });

  it('that the store does not take is not published', async () => {
    const { check, blobs } = world();
    blobs.put = () => Promise.reject(new TypeError('disk full at /secret'));
    const error = await Promise.resolve(check.out(message())).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(BackendUnavailableError);
    expect((error as Error).message).not.toContain('secret');
  });

  it('of a binary CloudEvent is referred to as the standard has it', async () => {
    const { check } = world();
    const headers = checkHeaders({ 'ce-specversion': '1.0', 'ce-id': '1' });
    const sent = await check.out(message({ headers }));
    expect(sent.headers['ce-dataref']).toMatch(/^urn:pigeonpost:blob:/);
    expect({ ...(await check.in(arrived(sent))).headers }).toEqual({ ...headers });
  });
});

describe('a claim', () => {
  it('whose blob is gone, or is another one, or that cannot be read, is broken for good', async () => {
    const { check, blobs } = world();
    const sent = await check.out(message());
    const [held] = [...blobs.held.values()];
    held!.bytes[1]! ^= 1;
    await expect(check.in(arrived(sent))).rejects.toMatchObject({ reason: 'wrong_blob' });
    blobs.held.clear();
    await expect(check.in(arrived(sent))).rejects.toMatchObject({ reason: 'missing_blob' });
    const noise = withHeaders(NO_HEADERS, { [CLAIM_HEADER]: '1;../../etc/passwd;text;1;x' });
    await expect(check.in(arrived(message({ headers: noise })))).rejects.toMatchObject({
      reason: 'wrong_blob',
    });
  });

  it('is passed on by a replay as it is, and replaced by an edit of the body', async () => {
    const { check, blobs } = world();
    const sent = await check.out(message());
    const replayed = { ...sent, to: 'work' };
    expect(await check.out(replayed)).toBe(replayed);
    const edited = await check.out({ ...replayed, body: 'small', edited: true });
    expect([edited.body, { ...edited.headers }]).toEqual(['small', {}]);
    const untouched = { ...replayed, key: 'k', edited: true };
    expect(await check.out(untouched)).toBe(untouched);
    expect(blobs.held.size).toBe(1);
  });
});

describe('a blob', () => {
  it('goes when the last subscription has acknowledged', async () => {
    const { check, blobs } = world();
    const sent = await check.out(message());
    check.stored(sent, 2);
    check.acknowledged(arrived(sent, { subscription: 'work' }));
    check.acknowledged(arrived(sent, { subscription: 'work' }));
    await turns();
    expect(blobs.held.size).toBe(1);
    check.acknowledged(arrived(sent, { subscription: 'audit' }));
    await turns();
    expect(blobs.held.size).toBe(0);
  });

  it('goes when its message was refused', async () => {
    const { check, blobs } = world();
    check.refused(await check.out(message()));
    await turns();
    expect(blobs.held.size).toBe(0);
  });

  it('goes when it has expired, with the next large body', async () => {
    const { check, blobs, clock } = world();
    await check.out(message());
    await clock.advance(POLICY.keepMs);
    await check.out(message());
    await turns();
    expect(blobs.held.size).toBe(1);
  });

  it('that cannot be tidied away is told of, and waited for at the end', async () => {
    const { check, blobs, reports } = world();
    const sent = await check.out(message());
    blobs.expect = () => Promise.reject(new TypeError('down'));
    check.stored(sent, 1);
    await check.close();
    expect(reports).toEqual(['the blob store could not be tidied: what is left goes when it expires']);
  });
});

describe('a large body on a topic that retains its messages', () => {
  it('is there for a subscription that comes when all others are done with it', async () => {
    const { clock, blobs, check, reports } = world();
    const ambient = testAmbient(clock);
    const { backend: broker } = await memoryBackend.open('main', {}, ambient);
    const backend = new TransformedBackend(broker, check, {
      clock,
      host: 'here:1',
      report: (said) => reports.push(said),
    });
    const topics = [{ name: 'orders', retain: { forMs: 5_000 } }];
    const listening = (name: string) => [{ name, topics: ['orders'], start: 'earliest' as const }];
    await backend.ensure({ subscriptions: [], topics }, 'create');
    await backend.publish([message({ id: 'before-anybody' })]);
    await backend.ensure({ subscriptions: listening('first'), topics }, 'create');
    await backend.publish([message({ id: 'with-one' })]);
    const take = async (subscription: string): Promise<readonly string[]> => {
      const receiver = await backend.open({ name: subscription, topics: ['orders'], leaseMs: 1_000 });
      const came = await receiver.receive(9, new AbortController().signal);
      await receiver.settle(came.map((delivery) => ({ kind: 'ack', delivery })));
      await receiver.close();
      await turns();
      return came.map(({ id, body }) => `${id}: ${String(body)}`);
    };
    const both = [`before-anybody: ${LARGE}`, `with-one: ${LARGE}`];
    expect(await take('first')).toEqual(both);
    await backend.ensure({ subscriptions: listening('late'), topics }, 'create');
    expect(await take('late')).toEqual(both);
    expect(reports).toEqual([]);
    expect(blobs.held.size).toBe(2);
    await backend.close(new Date(clock.now()));
  });
});
