import { checkTopology, MIN_EXPIRY_MS } from './topology.js';

const ephemeral = (expiresAfterMs: number) => ({
  subscriptions: [{ name: 'replies', topics: ['replies'], expiresAfterMs }],
});

describe('checkTopology', () => {
  it('takes an ephemeral subscription that its receiver can keep alive', () => {
    expect(() => checkTopology(ephemeral(MIN_EXPIRY_MS))).not.toThrow();
  });

  it.each([0, MIN_EXPIRY_MS - 1, Number.NaN, Infinity])('refuses one that expires after %d ms', (ms) => {
    expect(() => checkTopology(ephemeral(ms))).toThrow(/"replies" cannot expire after .* ms: use 5000 to/);
  });
});
