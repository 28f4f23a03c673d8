import { readFileSync } from 'node:fs';

/** Linux counts CPU time in hundredths of a second, whatever the machine. */
const TICKS_PER_SECOND = 100;
/** Of the fields behind the name: own user and system time, and that of children that have ended. */
const TIMES = [11, 12, 13, 14];

/**
 * CPU time in seconds of a process and everything below it, living or ended. undefined where the system does not tell,
 * which is everywhere but on Linux.
 */
export function cpuSecondsOfTree(pid: number): number | undefined {
  const ticks = ticksOf(pid);
  if (ticks === undefined) return undefined;
  return childrenOf(pid).reduce(
    (sum, child) => sum + (cpuSecondsOfTree(child) ?? 0),
    ticks / TICKS_PER_SECOND,
  );
}

function ticksOf(pid: number): number | undefined {
  const stat = readProc(`${pid}/stat`);
  if (stat === undefined) return undefined;
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return TIMES.reduce((sum, at) => sum + Number(fields[at]), 0);
}

function childrenOf(pid: number): readonly number[] {
  const listed = readProc(`${pid}/task/${pid}/children`) ?? '';
  return listed.split(' ').filter(Boolean).map(Number);
}

/** undefined: the process is gone, or this is no Linux. */
function readProc(path: string): string | undefined {
  try {
    return readFileSync(`/proc/${path}`, 'utf8');
  } catch {
    return undefined;
  }
}
