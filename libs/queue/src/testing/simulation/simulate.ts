import type { Ambient } from '../../ambient/ambient.js';
import type { Backend, OpenedBackend } from '../../backend/backend.js';
import type { ConsumerOptions } from '../../consume/consumer-options.js';
import { describeError } from '../../message/error-info.js';
import { checkHistory } from '../checker.js';
import { commandsOf, type SimulationCommand } from './commands.js';
import { Simulation } from './simulation.js';
import { checkTestimonies } from './simulation-checker.js';
import { BROKER } from './wire.js';
import { lineOf } from './witness.js';

export interface SimulationRequest {
  readonly seed: number;
  /** How many commands are drawn from the seed. */
  readonly steps: number;
  /** Instead of those of the seed. */
  readonly commands?: readonly SimulationCommand[];
  /** Opens the broker; default: a memory backend. Another one must live on the given clock, and be closed by whoever opened it. */
  readonly open?: ((ambient: Ambient) => Promise<OpenedBackend>) | undefined;
  /** Puts something around the broker, such as a known mistake. */
  readonly wrap?: ((backend: Backend) => Backend) | undefined;
  /** Puts a known mistake into every consumer. */
  readonly alter?: ((options: ConsumerOptions) => ConsumerOptions) | undefined;
}

/** What a simulation came to. Without anything wrong it kept every promise. */
export interface SimulationReport {
  readonly seed: number;
  readonly commands: readonly SimulationCommand[];
  /** The same whenever the same happened. */
  readonly hash: string;
  readonly wrong: readonly string[];
  /** Everything that happened, line by line. */
  story(): readonly string[];
}

/** How long it may take until everything is handled once no fault happens any more. */
const PATIENCE_MS = 60_000;
const LOOK_EVERY_MS = 250;
/** Longer than a lease: what was acknowledged would come again by then. */
const LATE_MS = 2_000;
const STOP_MS = 3_000;

/** Runs the commands, lets the faults end and holds what happened against every promise. Never rejects for what is wrong. */
export async function simulate(request: SimulationRequest): Promise<SimulationReport> {
  const { seed, steps, commands = commandsOf(seed, steps) } = request;
  const simulation = await Simulation.open(request);
  const wrong: string[] = [];
  try {
    for (const command of commands) await simulation.run(command);
    wrong.push(...(await comeToRest(simulation)));
  } catch (error) {
    wrong.push(`the simulation itself failed: ${describeError(error).stack ?? String(error)}`);
  }
  const { witness, recorder } = simulation;
  const remaining = await simulation.browse('ready', 'delayed', 'inflight', 'held');
  wrong.push(...checkHistory(recorder.events, { remaining, slackMs: 1 }));
  wrong.push(...checkTestimonies(witness.testimonies, recorder.events, await simulation.browse('dead')));
  return { seed, commands, hash: witness.hash(), wrong, story: () => witness.testimonies.map(lineOf) };
}

/** Ends the faults, waits until everything is handled, and stops everybody; answers what did not end. */
async function comeToRest(simulation: Simulation): Promise<readonly string[]> {
  const { scheduler } = simulation;
  const wrong: string[] = [];
  simulation.witness.note('the faults end');
  simulation.heal();
  const endsAt = scheduler.nowMs + PATIENCE_MS;
  do {
    while (!(await isAtRest(simulation)) && scheduler.nowMs < endsAt) await scheduler.pass(LOOK_EVERY_MS);
    await scheduler.pass(LATE_MS); // a request of a dead process may still be on its way
  } while (!(await isAtRest(simulation)) && scheduler.nowMs < endsAt);
  if (!(await isAtRest(simulation))) wrong.push(await unrest(simulation));
  for (const process of simulation.processes) {
    for (const consumer of process.consumers) consumer.stop();
    void process.bus.close();
  }
  await scheduler.pass(STOP_MS);
  const left = scheduler.owners().filter((owner) => owner !== BROKER);
  if (left.length > 0)
    wrong.push(`${left.length} timers of ${left[0]} still run after everything was closed`);
  return wrong;
}

async function isAtRest(simulation: Simulation): Promise<boolean> {
  if (simulation.processes.some(({ unanswered }) => unanswered > 0)) return false;
  const depths = await simulation.depths();
  return depths.every(({ ready, delayed, inflight, held }) => ready + delayed + inflight + held === 0);
}

async function unrest(simulation: Simulation): Promise<string> {
  const depths = await simulation.depths();
  const lines = depths.map(
    ({ subscription, ready, delayed, inflight, held }) =>
      `${subscription} has ${ready} ready, ${delayed} delayed, ${inflight} in flight, ${held} held`,
  );
  const unanswered = simulation.processes.reduce((sum, process) => sum + process.unanswered, 0);
  return `not at rest after ${PATIENCE_MS} ms: ${lines.join('; ')}; ${unanswered} publishes without an answer`;
}
