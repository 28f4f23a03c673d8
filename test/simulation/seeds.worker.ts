// Runs every n-th seed of a range and tells the thread that asked what came of each.
import { parentPort, workerData } from 'node:worker_threads';
import { type BrokerName, simulateOn } from './brokers.js';

export interface SeedRange {
  readonly from: number;
  readonly count: number;
  readonly steps: number;
  readonly broker: BrokerName;
  /** Every n-th seed is for this thread. */
  readonly stride?: number;
  /** The first seed that is not run. */
  readonly end?: number;
}

export interface SeedResult {
  readonly seed: number;
  readonly hash: string;
  readonly wrong: readonly string[];
}

const { from, steps, broker, stride = 1, end = from } = workerData as SeedRange;
for (let seed = from; seed < end; seed += stride) {
  const { hash, wrong } = await simulateOn(broker, { seed, steps });
  parentPort?.postMessage({ seed, hash, wrong } satisfies SeedResult);
}
