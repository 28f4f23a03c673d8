import { describe, expect, it } from '@jest/globals';
import type { Measurement } from './meter.ts';
import type { Run } from './plan.ts';
import type { Entry } from './registry.ts';
import { type Sample, summarize } from './summary.ts';
import { verdicts } from './verdicts.ts';

const CELL = { backend: 'redis', phase: 'publish', bytes: 256, concurrency: 100 } as const;
const LOAD = { bytes: 256, concurrency: 100, messages: 1_000, warmup: 0, payload: 'text' } as const;

function run(name: string, role: Entry['role'], more: Partial<Entry> & { concurrency?: number } = {}): Run {
  const { concurrency = CELL.concurrency, ...entry } = more;
  return {
    entry: { file: name, backend: 'redis', name, role, phases: ['publish'], ...entry },
    cell: { ...CELL, concurrency },
    load: LOAD,
  };
}

function sample(of: Run, repetition: number, measured: Partial<Measurement>): Sample {
  const measurement = { messages: 1_000, seconds: 1, cpuSeconds: 1, ...measured };
  return { run: of, repetition, measurement };
}

describe('a summary', () => {
  it('compares with every peer by its name, and with the limit', () => {
    const [limit, slow, fast, ours] = [
      run('limit', 'limit'),
      run('slow', 'peer'),
      run('fast', 'peer'),
      run('ours', 'ours'),
    ];
    const seconds = new Map([
      [limit, 1],
      [slow, 8],
      [fast, 4],
      [ours, 2],
    ]);
    const runs = [...seconds.keys()];
    const samples = runs.map((of) => sample(of, 1, { seconds: seconds.get(of) ?? NaN }));
    const row = summarize(runs, samples).find(({ role }) => role === 'ours')?.row;
    expect(row).toMatchObject({ ratioToLimit: 0.5, ratiosToPeers: { slow: 4, fast: 2 } });
  });

  it('takes a ratio within each repetition, and the median of them', () => {
    const [peer, ours] = [run('peer', 'peer'), run('ours', 'ours')];
    const seconds = [
      [2, 1],
      [30, 10],
      [4, 1],
    ];
    const samples = seconds.flatMap(([theirs = 0, own = 0], at) => [
      sample(peer, at, { seconds: theirs }),
      sample(ours, at, { seconds: own }),
    ]);
    expect(summarize([ours], samples)[0]?.row.ratiosToPeers).toEqual({ peer: 3 });
  });

  it('adds the CPU time of the broker to that of the process, and shows both', () => {
    const [peer, ours] = [run('peer', 'peer'), run('ours', 'ours')];
    const samples = [
      sample(peer, 1, { cpuSeconds: 4, brokerCpuSeconds: 2 }),
      sample(ours, 1, { cpuSeconds: 1, brokerCpuSeconds: 1 }),
    ];
    const [figures] = summarize([ours], samples);
    expect(figures?.row).toMatchObject({ cpuSecondsPer100k: 100, brokerCpuSecondsPer100k: 100 });
    expect(figures?.peers.get('peer')).toEqual({ wall: 1, cpu: 3, nodeCpu: 4 });
  });

  it('has no CPU time of a broker where the system does not tell', () => {
    const ours = run('ours', 'ours');
    expect(summarize([ours], [sample(ours, 1, {})])[0]?.row.brokerCpuSecondsPer100k).toBeNull();
  });

  it('compares every concurrency with a contender that knows none', () => {
    const limit = run('limit', 'limit', { serial: true, concurrency: 1 });
    const ours = run('ours', 'ours');
    const samples = [sample(limit, 1, { seconds: 1 }), sample(ours, 1, { seconds: 4 })];
    expect(summarize([ours], samples)[0]?.row.ratioToLimit).toBe(0.25);
  });
});

describe('verdicts', () => {
  it('judge what was measured by its targets, and leave out the rest', () => {
    const [limit, peer, ours] = [run('limit', 'limit'), run('BullMQ', 'peer'), run('ours', 'ours')];
    const samples = [
      sample(limit, 1, { seconds: 1 }),
      sample(peer, 1, { seconds: 8 }),
      sample(ours, 1, { seconds: 4 }),
    ];
    const lines = verdicts(summarize([limit, peer, ours], samples));
    expect(lines).toEqual([
      expect.stringMatching(/^MISS {2}redis, .*, over BullMQ: 2\.00x \(>= 3x\)/),
      expect.stringMatching(/^MISS {2}redis, .*, of the limit: 0\.25x \(>= 0\.4x\)/),
    ]);
  });
});
