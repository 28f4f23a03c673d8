import { describe, expect, it } from '@jest/globals';
import { spawnSync } from 'node:child_process';
import { cpuSecondsOfTree } from './process-tree.ts';

const NO_PROCESS = 2 ** 22 + 1;
const BURN = 'const end = process.cpuUsage().user + 200_000; while (process.cpuUsage().user < end);';

describe('the CPU time of a tree of processes', () => {
  it('counts children that have ended, on Linux; other systems do not tell it', () => {
    const before = cpuSecondsOfTree(process.pid);
    spawnSync(process.execPath, ['-e', BURN]);
    const after = cpuSecondsOfTree(process.pid);
    const isTold = process.platform === 'linux';
    const burnt = isTold ? (after ?? 0) - (before ?? 0) >= 0.2 : after === undefined;
    expect(burnt).toBe(true);
  });

  it('is unknown of a process that is not there', () => {
    expect(cpuSecondsOfTree(NO_PROCESS)).toBeUndefined();
  });
});
