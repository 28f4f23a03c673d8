// Runs one phase of one contender in a process of its own, and sends what it cost to its parent.
import { type Contender, MissingContenderError, type Phase, type Workload } from './contender.ts';
import { type Measurement, Meter } from './meter.ts';
import { Profiler } from './profiler.ts';

export interface Job {
  /** Name of the file in contenders/, without its suffix. */
  readonly contender: string;
  readonly phase: Phase;
  readonly load: Workload;
  /** File for a CPU profile of the phase. */
  readonly profile: string | undefined;
}

export type Answer =
  | { readonly kind: 'measured'; readonly measurement: Measurement }
  | { readonly kind: 'missing' | 'failed'; readonly reason: string };

async function measure({ contender, phase, load, profile }: Job): Promise<Measurement> {
  const module = (await import(`./contenders/${contender}.ts`)) as { contender: Contender };
  const run = module.contender.phases[phase];
  if (run === undefined) throw new Error(`${contender} has no phase ${phase}`);
  const profiler = profile === undefined ? undefined : new Profiler(profile);
  const meter = new Meter(load.broker?.pid, profiler);
  await run(load, meter);
  return meter.result();
}

async function answer(job: Job): Promise<Answer> {
  try {
    return { kind: 'measured', measurement: await measure(job) };
  } catch (error) {
    const kind = error instanceof MissingContenderError ? 'missing' : 'failed';
    return { kind, reason: error instanceof Error ? error.message : String(error) };
  }
}

process.once('message', (job: Job) => {
  void answer(job).then((found) => process.send?.(found, () => process.exit()));
});
