// `npm run bench`: measures, prints tables and verdicts, and writes JSON when asked. Misses do not fail it.
import { mkdirSync, writeFileSync } from 'node:fs';
import { availableParallelism, cpus, loadavg, release } from 'node:os';
import { BROKERS, BrokerMissingError } from '../test/brokers/broker-name.ts';
import { BenchBroker } from './broker.ts';
import { HELP, type Options, readOptions, UsageError } from './options.ts';
import { plan, type Run } from './plan.ts';
import { buildLibrary, installPeers } from './prepare.ts';
import type { BackendName } from './registry.ts';
import { dispatchTable, latencyTable, table } from './report.ts';
import { measure } from './run.ts';
import { type Sample, summarize } from './summary.ts';
import { verdicts } from './verdicts.ts';

interface Measured {
  readonly samples: Sample[];
  /** A contender that could not be loaded or a broker that is not installed, and why. */
  readonly missing: Map<string, string>;
  /** What should have been measured, and what went wrong. */
  readonly failed: Map<string, string>;
}

const USUAL_REPETITIONS = 3;
/** Of a backend. A busy machine gets fewer repetitions rather than a longer run. */
const USUAL_SECONDS = 50;

/** One backend after the other, so that its broker has the machine for itself. */
async function measureAll(backend: BackendName, runs: readonly Run[], session: Session): Promise<void> {
  const { options, measured } = session;
  const broker = await startBroker(backend, measured);
  if (broker === 'missing') return;
  try {
    await repeat(options, (repetition) => measureOnce(runs, { ...session, repetition, broker }));
  } finally {
    await broker?.stop();
  }
}

async function startBroker(
  backend: BackendName,
  { missing }: Measured,
): Promise<BenchBroker | 'missing' | undefined> {
  const name = BROKERS.find((broker) => broker === backend);
  if (name === undefined) return undefined;
  try {
    return await BenchBroker.start(name);
  } catch (error) {
    if (!(error instanceof BrokerMissingError)) throw error;
    missing.set(name, error.why);
    return 'missing';
  }
}

async function repeat(options: Options, once: (repetition: number) => Promise<void>): Promise<void> {
  const startedAt = performance.now();
  const repetitions = options.repetitions ?? USUAL_REPETITIONS;
  for (let repetition = 1; repetition <= repetitions; repetition++) {
    await once(repetition);
    const seconds = (performance.now() - startedAt) / 1000;
    const afterNext = seconds + seconds / repetition;
    if (options.repetitions === undefined && afterNext > USUAL_SECONDS) break;
  }
  progress('');
}

interface Session {
  readonly options: Options;
  readonly measured: Measured;
}

interface Repetition extends Session {
  readonly repetition: number;
  readonly broker: BenchBroker | undefined;
}

async function measureOnce(
  runs: readonly Run[],
  { options, repetition, measured, broker }: Repetition,
): Promise<void> {
  const { samples, missing, failed } = measured;
  for (const [at, run] of runs.entries()) {
    if (missing.has(named(run)) || failed.has(label(run))) continue;
    progress(`repetition ${repetition}, ${at + 1} of ${runs.length}: ${label(run)}`);
    const answer = await measure(run, options, broker);
    if (answer.kind === 'measured') samples.push({ run, repetition, measurement: answer.measurement });
    else if (answer.kind === 'missing') missing.set(named(run), answer.reason);
    else failed.set(label(run), answer.reason);
  }
}

function named({ entry, cell }: Run): string {
  return `${cell.backend} ${entry.name}`;
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
  const measured: Measured = { samples: [], missing: new Map(), failed: new Map() };
  const runs: Run[] = [];
  for (const backend of options.backends) {
    const own = plan(backend, options);
    runs.push(...own);
    await measureAll(backend, own, { options, measured });
  }
  const { samples, missing, failed } = measured;
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
