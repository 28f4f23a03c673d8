import { fork } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { BenchBroker } from './broker.ts';
import { LIBRARY_VARIABLE } from './library.ts';
import type { Options } from './options.ts';
import type { Run } from './plan.ts';
import type { Answer, Job } from './worker.ts';

const WORKER = join(import.meta.dirname, 'worker.ts');
/** A measurement takes about a second; one that takes this long hangs. */
const PATIENCE_MS = 120_000;

/** Makes one measurement in a process, a directory and a place on the broker of its own. */
export async function measure(run: Run, options: Options, broker?: BenchBroker): Promise<Answer> {
  const directory = await mkdtemp(join(options.directory ?? tmpdir(), 'pigeonpost-bench-'));
  const place = await broker?.open();
  try {
    const job: Job = {
      contender: run.entry.file,
      phase: run.cell.phase,
      load: { ...run.load, directory, broker: place },
      profile: profileOf(run, options.profile),
    };
    return await inProcess(job, options);
  } finally {
    await rm(directory, { recursive: true, force: true });
    if (place !== undefined) await broker?.clear(place);
  }
}

function inProcess(job: Job, options: Options): Promise<Answer> {
  const env = options.library === undefined ? {} : { [LIBRARY_VARIABLE]: options.library };
  const child = fork(WORKER, { execArgv: [], env: { ...process.env, ...env } });
  const patience = setTimeout(() => child.kill('SIGKILL'), PATIENCE_MS);
  return new Promise((resolve) => {
    let answer: Answer = { kind: 'failed', reason: 'its process ended without an answer' };
    child.once('message', (message) => (answer = message as Answer));
    child.once('close', () => {
      clearTimeout(patience);
      resolve(answer);
    });
    child.send(job);
  });
}

function profileOf({ entry, cell }: Run, directory: string | undefined): string | undefined {
  if (directory === undefined) return undefined;
  return join(directory, `${entry.file}-${cell.phase}-${cell.bytes}-c${cell.concurrency}.cpuprofile`);
}
