import { jest } from '@jest/globals';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { type ScenarioProcess, ScenarioProcesses } from '../child-process.js';
import type { StubbornOrder } from './stubborn.child.js';

// Every test starts processes, on a machine that may be busy.
jest.setTimeout(60_000);

const STUBBORN = join(import.meta.dirname, 'stubborn.child.ts');
const AT_ONCE_MS = 1_000;
const BUSY_MACHINE_MS = 5_000;

let processes: ScenarioProcesses;
beforeEach(() => void (processes = new ScenarioProcesses()));
afterEach(() => processes.close());

async function working(order: StubbornOrder): Promise<ScenarioProcess> {
  const child = processes.start(STUBBORN, order);
  expect(await child.heard()).toBe('working');
  return child;
}

describe('an application whose handler does not end', () => {
  it.each([
    ['SIGTERM', 143],
    ['SIGINT', 130],
  ] as const)('ends at once at a second %s, if it was told so', async (signal, code) => {
    const child = await working({ secondSignal: 'exit', hooks: true });
    child.signal('SIGTERM');
    expect(await child.heard()).toBe('heard');
    const from = performance.now();
    expect(await child.end(signal)).toEqual({ code, signal: null });
    expect(performance.now() - from).toBeLessThan(AT_ONCE_MS + BUSY_MACHINE_MS);
  });

  it.each([{ secondSignal: 'ignore' as const }, {}])('goes on draining otherwise: %j', async (order) => {
    const child = await working({ ...order, hooks: true });
    child.signal('SIGTERM');
    expect(await child.heard()).toBe('heard');
    child.signal('SIGTERM');
    expect(await child.heard()).toBe('heard');
    await pause(AT_ONCE_MS);
    expect(child.isRunning).toBe(true);
  });

  it('ends at the first one where nobody listens, as it would without us', async () => {
    const child = await working({ secondSignal: 'exit', hooks: false });
    expect(await child.end('SIGTERM')).toEqual({ code: 143, signal: null });
  });
});
