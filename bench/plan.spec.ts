import { describe, expect, it } from '@jest/globals';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { type Options, readOptions, UsageError } from './options.ts';
import { plan } from './plan.ts';
import { BACKENDS, ENTRIES } from './registry.ts';

const asked = (...args: readonly string[]): Options => readOptions(args) as Options;

describe('the plan of a run', () => {
  it.each(BACKENDS)('has one limit at most, and ours, in every cell of %s', (backend) => {
    const runs = plan(backend, asked());
    for (const { cell } of runs) {
      const roles = runs.filter((run) => run.cell === cell).map(({ entry }) => entry.role);
      expect(roles).toContain('ours');
      expect(roles.filter((role) => role === 'limit').length).toBeLessThanOrEqual(1);
    }
  });

  it('measures contenders that know no concurrency once for a size', () => {
    const runs = plan('postgres', asked('--phase', 'publish', '--bytes', '256', '--concurrency', '1,100'));
    const widths = (name: string) =>
      runs.filter(({ entry }) => entry.name === name).map(({ cell }) => cell.concurrency);
    expect(widths('pg')).toEqual([1]);
    expect(widths('pigeonpost')).toEqual([1, 100]);
  });

  it('takes one size of a broker, unless others are asked for', () => {
    const sizes = (options: Options) => new Set(plan('redis', options).map(({ cell }) => cell.bytes));
    expect([...sizes(asked())]).toEqual([256]);
    expect([...sizes(asked('--bytes', '256,4096'))]).toEqual([256, 4096]);
  });

  it('gives a slow contender fewer messages, but not in a latency', () => {
    const messages = (phase: string) =>
      plan('postgres', asked('--phase', phase, '--messages', '1000'))
        .filter(({ entry }) => entry.name === 'graphile-worker')
        .map(({ load }) => load.messages);
    expect(messages('publish')).toEqual([60]);
    expect(messages('latency')).toEqual([1000]);
  });

  it('has a file for every contender', () => {
    const missing = ENTRIES.filter(
      ({ file }) => !existsSync(join(import.meta.dirname, `contenders/${file}.ts`)),
    );
    expect(missing).toEqual([]);
  });

  it('refuses a backend that it does not know', () => {
    expect(() => readOptions(['--backend', 'redis,kafka'])).toThrow(UsageError);
    expect(() => readOptions(['--backend', 'redis,kafka'])).toThrow('not "kafka"');
  });
});
