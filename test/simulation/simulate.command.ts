// Runs simulations from seeds, on all cores: npm run simulate -- --help
import { availableParallelism } from 'node:os';
import { Worker } from 'node:worker_threads';
import { shrink, type SimulationRequest } from '@pigeonpost/queue/testing';
import { readFlags, runCommand, UsageError } from '../laws/command-line.js';
import { type BrokerName, BROKERS, isBroker, simulateOn } from './brokers.js';
import type { SeedRange, SeedResult } from './seeds.worker.js';

const SEEDS = 2_000;
const STEPS = 200;

const HELP = `npm run simulate -- [options]

Simulates three processes, their broker and the network between them, with faults, and holds what happened against every
promise. A seed decides everything: the same seed is the same run. Ends with 1 when something went wrong.

  --seeds N     how many seeds                                   default: ${SEEDS}
  --from N      the first one                                    default: 1
  --steps N     commands per seed                                default: ${STEPS}
  --threads N   how many run at once                             default: one per core
  --backend B   the broker in the middle: ${BROKERS.join(' or ')}              default: memory
  --seed N      this seed only; what goes wrong is made shorter and told as a story
  --help
`;

await runCommand(HELP, async () => {
  const flags = readFlags(['seeds', 'from', 'steps', 'threads', 'seed', 'backend']);
  if (flags === 'help') return print(HELP);
  const number = (name: string, usual: number): number => readNumber(flags, name, usual);
  const steps = number('steps', STEPS);
  const broker = readBroker(flags['backend'] ?? 'memory');
  if (flags['seed'] !== undefined) return replay(broker, { seed: number('seed', 0), steps });
  const count = number('seeds', SEEDS);
  return runAll({ from: number('from', 1), count, steps, broker }, number('threads', availableParallelism()));
});

/** One seed. What goes wrong is told with as few commands as still make it go wrong. */
async function replay(broker: BrokerName, request: SimulationRequest): Promise<number> {
  const { seed, steps } = request;
  const report = await simulateOn(broker, request);
  print(`seed ${seed}, ${steps} steps: ${report.wrong.length} wrong, history ${report.hash}\n`);
  if (report.wrong.length === 0) return 0;
  const shortest = await shrink(report, (commands) => simulateOn(broker, { ...request, commands }));
  print(`\n${shortest.story().join('\n')}\n`);
  print(`\n${shortest.commands.length} of ${steps} commands are enough for it:\n`);
  for (const wrong of shortest.wrong) print(`  ${wrong}\n`);
  return 1;
}

async function runAll({ from, count, steps, broker }: SeedRange, threads: number): Promise<number> {
  const startedAt = performance.now();
  const results: SeedResult[] = [];
  let failed = 0;
  const hear = (result: SeedResult): void => {
    results.push(result);
    if (result.wrong.length > 0) {
      failed++;
      print(`FAILED ${again(result.seed, steps, broker)}\n       ${result.wrong[0]}\n`);
    }
    if (results.length % Math.ceil(count / 10) === 0) print(`${results.length} of ${count} seeds\n`);
  };
  const lanes = Array.from({ length: Math.min(threads, count) }, (_, lane) =>
    runLane({ from: from + lane, count, steps, broker, stride: threads, end: from + count }, hear),
  );
  await Promise.all(lanes);
  const seconds = ((performance.now() - startedAt) / 1000).toFixed(1);
  print(`simulation: ${results.length - failed} of ${results.length} seeds kept every promise, `);
  print(`${steps} steps each, ${seconds} s\n`);
  return failed === 0 && results.length === count ? 0 : 1;
}

function runLane(workerData: SeedRange, hear: (result: SeedResult) => void): Promise<void> {
  return new Promise((resolve, reject) => {
    const lane = new Worker(new URL('./seeds.worker.ts', import.meta.url), { workerData });
    lane.on('message', hear);
    lane.on('error', reject);
    lane.on('exit', () => resolve());
  });
}

/** The line that runs a seed again. */
function again(seed: number, steps: number, broker: BrokerName): string {
  const where = broker === 'memory' ? '' : ` --backend ${broker}`;
  return `npm run simulate -- --seed ${seed} --steps ${steps}${where}`;
}

function readBroker(name: string): BrokerName {
  if (isBroker(name)) return name;
  throw new UsageError(`--backend is ${BROKERS.join(' or ')}; not "${name}"`);
}

function readNumber(flags: Readonly<Record<string, string>>, name: string, usual: number): number {
  const given = flags[name];
  if (given === undefined) return usual;
  if (/^\d{1,10}$/.test(given)) return Number(given);
  throw new UsageError(`--${name} is a whole number; not "${given}"`);
}

function print(text: string): 0 {
  process.stdout.write(text);
  return 0;
}
