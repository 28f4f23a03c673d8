import { memoryCapabilities } from '../backends/memory/memory.capabilities.js';
import type { LeavingRetries } from '../composed/delay-store/leaving-retries.js';
import { resolveRetry } from './resolve-retry.js';
import type { Resolution } from './resolution.js';

const HOUR_MS = 3_600_000;
const delay = (kind: 'exact' | 'tiers', maxMs: number) => ({ kind, maxMs, resolutionMs: 1 });

function resolved(longestMs: number, staying: LeavingRetries['staying']): Resolution {
  const retry = delay('exact', HOUR_MS);
  const capabilities = { ...memoryCapabilities, delay: { publish: retry, retry } };
  const leaving = { beyondMs: staying === false ? 0 : staying.maxMs, staying, onRetry: 'breaks' } as const;
  const requirement = { need: 'retry', attempts: 2, longestMs } as const;
  return resolveRetry(requirement, { capabilities, remembers: true, leaving });
}

describe('retries on a backend with another one to wait on', () => {
  it('are composed when they are longer than its own, with what can happen on the way', () => {
    expect(resolved(1_001, delay('exact', 1_000))).toEqual({
      answer: 'composed',
      by: 'keeping retries after more than 1s on the backend named in `delays`',
      leaves: expect.stringContaining('repeats the message'),
    });
    expect(resolved(1, false)).toMatchObject({
      answer: 'composed',
      by: expect.stringContaining('keeping retries on'),
    });
  });

  it('stay its own when they are not', () => {
    expect(resolved(1_000, delay('exact', 1_000)).answer).toBe('native');
    expect(resolved(1_000, delay('tiers', 1_000))).toMatchObject({ by: expect.stringContaining('rounding') });
    expect(resolved(0, false).answer).toBe('native');
  });

  it('are refused when they are longer than both can delay', () => {
    expect(resolved(HOUR_MS + 1, false)).toMatchObject({
      answer: 'refused',
      why: 'delays a retry by 1h at most',
    });
  });
});
