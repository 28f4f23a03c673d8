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
  readonly samples: readonly Sample[];
  /** Name of a contender, and why it could not take part. */
  readonly absent: ReadonlyMap<string, string>;
}

async function measureAll(runs: readonly Run[], options: Options): Promise<Measured> {
  const samples: Sample[] = [];
  const absent = new Map<string, string>();
  for (let repetition = 1; repetition <= options.repetitions; repetition++) {
    for (const [at, run] of runs.entries()) {
      progress(
        `repetition ${repetition} of ${options.repetitions}, ${at + 1} of ${runs.length}: ${label(run)}`,
      );
      const answer = absent.has(run.entry.name) ? undefined : await measure(run, options);
      if (answer?.kind === 'measured') samples.push({ run, repetition, measurement: answer.measurement });
      else if (answer?.kind === 'missing') absent.set(run.entry.name, answer.reason);
      else if (answer?.kind === 'failed') absent.set(label(run), answer.reason);
    }
  }
  progress('');
  return { samples, absent };
}

function label({ entry, cell }: Run): string {
  return `${cell.backend} ${cell.phase} ${cell.bytes} B x ${cell.concurrency}, ${entry.name}`;
}

/** One line that changes on a terminal; elsewhere a line per repetition is enough. */
function progress(text: string): void {
  if (process.stderr.isTTY) process.stderr.write(`\r\x1b[K${text}`);
  else if (/, 1 of /.test(text)) console.error(text);
}

function machine(): string {
  const [cpu] = cpus();
  const load = loadavg()[0]?.toFixed(2) ?? '?';
  return `Node ${process.version}, ${availableParallelism()} x ${cpu?.model ?? 'unknown CPU'}, ${release()}, load ${load}`;
}

async function bench(options: Options): Promise<void> {
  buildLibrary(options);
  installPeers();
  if (options.profile !== undefined) mkdirSync(options.profile, { recursive: true });
  const startedAt = performance.now();
  console.log(machine());
  const runs = plan(options);
  const { samples, absent } = await measureAll(runs, options);
  const figures = summarize(runs, samples);
  const seconds = ((performance.now() - startedAt) / 1000).toFixed(0);
  const missing = [...absent].map(([name, reason]) => `MISSING  ${name}: ${reason}`).join('\n');
  const sections = [table(figures), latencyTable(figures), dispatchTable(figures), missing];
  for (const section of sections) if (section !== '') console.log(`\n${section}`);
  console.log(`\n${verdicts(figures).join('\n')}\n\n${samples.length} measurements in ${seconds} s`);
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
