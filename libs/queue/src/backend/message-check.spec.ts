import { memoryCapabilities } from '../backends/memory/memory.capabilities.js';
import { NO_HEADERS } from '../message/headers.js';
import type { Outgoing } from '../message/outgoing.js';
import type { Capabilities } from './capabilities.js';
import { objectionTo } from './message-check.js';

const PLAIN: Outgoing = {
  topic: 'orders',
  to: undefined,
  id: '1',
  key: undefined,
  body: '{}',
  headers: NO_HEADERS,
  delayMs: undefined,
  ttlMs: undefined,
  event: undefined,
};
const WEAK: Partial<Capabilities> = {
  delay: { publish: false, retry: false },
  ttl: 'none',
  priority: 1,
  dedup: false,
  lane: false,
  tx: 'none',
};

const objection = (
  given: Partial<Outgoing>,
  can: Partial<Capabilities> = {},
  call?: { tx: unknown },
): string | undefined =>
  objectionTo({ ...PLAIN, ...given }, call, { name: 'main', capabilities: { ...memoryCapabilities, ...can } })
    ?.message;

describe('objectionTo', () => {
  it('has none to a plain message, nor to what says that it asks for nothing', () => {
    expect(objection({}, WEAK)).toBeUndefined();
    expect(objection({ priority: 0, delayMs: 0 }, WEAK)).toBeUndefined();
  });

  it.each<[Partial<Outgoing>, RegExp]>([
    [{ delayMs: 5 }, /cannot delay a message by 5 ms/],
    [{ ttlMs: 5 }, /cannot let a message expire/],
    [{ priority: 3 }, /cannot prefer a message/],
    [{ dedup: { id: undefined, windowMs: 5 } }, /cannot recognise a repeated publish/],
    [{ to: 'billing' }, /cannot send to one subscription only/],
  ])('%j is refused by who cannot, and taken by who can', (given, sentence) => {
    expect(objection(given)).toBeUndefined();
    expect(objection(given, WEAK)).toMatch(sentence);
  });

  it('knows numbers as well as kinds', () => {
    const delay = { kind: 'exact', maxMs: 100, resolutionMs: 1 } as const;
    const can = { delay: { publish: delay, retry: delay }, dedup: { windowMs: 100 }, maxBytes: 4 };
    expect(objection({ delayMs: 100, dedup: { id: undefined, windowMs: 100 } }, can)).toBeUndefined();
    expect(objection({ delayMs: 101 }, can)).toMatch(/delay a message by 101 ms/);
    expect(objection({ delayMs: -1 }, can)).toMatch(/delay a message by -1 ms/);
    expect(objection({ dedup: { id: undefined, windowMs: 101 } }, can)).toMatch(/repeated publish/);
    expect(objection({ body: 'ééé' }, can)).toMatch(/takes 6 bytes.*at most 4/);
    expect(objection({ priority: 10 }, can)).toMatch(/priority/);
  });

  it('takes a transaction only where it can be joined', () => {
    expect(objection({}, { tx: 'enlist' }, { tx: {} })).toBeUndefined();
    expect(objection({}, { tx: 'batch' }, { tx: {} })).toMatch(/cannot join a transaction/);
  });
});
