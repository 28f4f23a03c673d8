// `npm run bench`: measures, prints tables and verdicts, and writes JSON when asked. Misses do not fail it.
import { mkdirSync, writeFileSync } from 'node:fs';
import { availableParallelism, cpus, loadavg, release } from 'node:os';
import { HELP, type Options, readOptions, UsageError } from './options.ts';
import { plan, type Run } from './plan.ts';
import { buildLibrary, installPeers } from './prepare.ts';
import { dispatchTable, latencyTable, table } from './report.ts';
import { measure } from './run.ts';
import { type Sample, summarize } from './summary.ts';
import { verdicts } from './targets.ts';

interface Measured {
  readonly samples: Sample[];
  /** Name of a contender, and why it could not be loaded. */
  readonly missing: Map<string, string>;
  /** What should have been measured, and what went wrong. */
  readonly failed: Map<string, string>;
}

const USUAL_REPETITIONS = 3;
/** A busy machine gets fewer repetitions rather than a longer run. */
const USUAL_SECONDS = 160;

async function measureAll(runs: readonly Run[], options: Options): Promise<Measured> {
  const measured: Measured = { samples: [], missing: new Map(), failed: new Map() };
  const startedAt = performance.now();
  const repetitions = options.repetitions ?? USUAL_REPETITIONS;
  for (let repetition = 1; repetition <= repetitions; repetition++) {
    await measureOnce(runs, { options, repetition, measured });
    const seconds = (performance.now() - startedAt) / 1000;
    const afterNext = seconds + seconds / repetition;
    if (options.repetitions === undefined && afterNext > USUAL_SECONDS) break;
  }
  progress('');
  return measured;
}

interface Repetition {
  readonly options: Options;
  readonly repetition: number;
  readonly measured: Measured;
}

async function measureOnce(
  runs: readonly Run[],
  { options, repetition, measured }: Repetition,
): Promise<void> {
  const { samples, missing, failed } = measured;
  for (const [at, run] of runs.entries()) {
    if (missing.has(run.entry.name) || failed.has(label(run))) continue;
    progress(`repetition ${repetition}, ${at + 1} of ${runs.length}: ${label(run)}`);
    const answer = await measure(run, options);
    if (answer.kind === 'measured') samples.push({ run, repetition, measurement: answer.measurement });
    else if (answer.kind === 'missing') missing.set(run.entry.name, answer.reason);
    else failed.set(label(run), answer.reason);
  }
}

function label({ entry, cell }: Run): string {
  return `${cell.backend} ${cell.phase} ${cell.bytes} B x ${cell.concurrency}, ${entry.name}`;
}

/** One line that changes on a terminal; elsewhere a line per repetition is enough. */
function progress(text: string): void {
  if (process.stderr.isTTY) process.stderr.write(`\r\x1b[K${text}`);
  else if (text.includes(', 1 of ')) console.error(text);
}

function machine(): string {
  const [cpu] = cpus();
  const load = loadavg()[0]?.toFixed(2) ?? '?';
  return `Node ${process.version}, ${availableParallelism()} x ${cpu?.model ?? 'unknown CPU'}, ${release()}, load ${load}`;
}

function reasons(title: string, all: ReadonlyMap<string, string>): string {
  return [...all].map(([what, reason]) => `${title}  ${what}: ${reason}`).join('\n');
}

function repetitions(samples: readonly Sample[]): number {
  return Math.max(0, ...samples.map(({ repetition }) => repetition));
}

async function bench(options: Options): Promise<void> {
  buildLibrary(options);
  installPeers();
  if (options.profile !== undefined) mkdirSync(options.profile, { recursive: true });
  const startedAt = performance.now();
  console.log(machine());
  const runs = plan(options);
  const { samples, missing, failed } = await measureAll(runs, options);
  const figures = summarize(runs, samples);
  const seconds = ((performance.now() - startedAt) / 1000).toFixed(0);
  const sections = [
    table(figures),
    latencyTable(figures),
    dispatchTable(figures),
    reasons('MISSING', missing),
    reasons('FAILED', failed),
  ];
  for (const section of sections) if (section !== '') console.log(`\n${section}`);
  console.log(
    `\n${verdicts(figures).join('\n')}\n\n${samples.length} measurements, ${repetitions(samples)} repetitions, in ${seconds} s`,
  );
  if (failed.size > 0) process.exitCode = 1;
  if (options.json !== undefined) {
    writeFileSync(
      options.json,
      `${JSON.stringify(
        figures.map(({ row }) => row),
        undefined,
        2,
      )}\n`,
    );
  }
}

try {
  const options = readOptions(process.argv.slice(2));
  if (options === undefined) console.log(HELP);
  else await bench(options);
} catch (error) {
  console.error(error instanceof UsageError ? `${error.message}\n\n${HELP}` : error);
  process.exitCode = error instanceof UsageError ? 2 : 1;
}
