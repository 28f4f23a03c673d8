import { memoryCapabilities } from '../backends/memory/memory.capabilities.js';
import { checkTopology, MIN_EXPIRY_MS } from './topology.js';

const ephemeral = (expiresAfterMs: number) => ({
  subscriptions: [{ name: 'replies', topics: ['replies'], expiresAfterMs }],
});

const owner = { name: 'main', capabilities: memoryCapabilities };

describe('checkTopology', () => {
  it('takes an ephemeral subscription that its receiver can keep alive', () => {
    expect(() => checkTopology(ephemeral(MIN_EXPIRY_MS), owner)).not.toThrow();
  });

  it.each([0, MIN_EXPIRY_MS - 1, Number.NaN, Infinity])('refuses one that expires after %d ms', (ms) => {
    expect(() => checkTopology(ephemeral(ms), owner)).toThrow(
      /"replies" cannot expire after .* ms: use 5000 to/,
    );
  });

  it.each([
    ['wildcards', { topics: ['order.*'] }, /cannot listen to the pattern "order\.\*": name each topic/],
    ['ephemeral', { topics: ['order'], expiresAfterMs: MIN_EXPIRY_MS }, /cannot let a subscription expire/],
  ] as const)('refuses what is declared beyond %s', (capability, declared, sentence) => {
    const subscriptions = [{ name: 'orders', ...declared }];
    expect(() => checkTopology({ subscriptions }, owner)).not.toThrow();
    const weaker = { name: 'main', capabilities: { ...memoryCapabilities, [capability]: false } };
    expect(() => checkTopology({ subscriptions }, weaker)).toThrow(sentence);
  });
});
