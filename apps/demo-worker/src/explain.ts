// Prints what the handlers of the worker can rely on, without starting it: a table, or JSON with --json.
import 'reflect-metadata';
import { explainApplication, planTable } from '@pigeonpost/queue';
import { readEnvironment } from '../../demo-contract/src/index.js';
import { WorkerEnvironment } from './worker.environment.js';
import { WorkerModule } from './worker.module.js';

/** Nothing is opened, so any names will do. */
const PLACEHOLDERS = {
  DEMO_QUEUE: 'queue.db',
  DEMO_ACTIVITY_FILE: 'activity.db',
  DEMO_DOWNSTREAM_URL: 'http://localhost',
};

const environment = readEnvironment(WorkerEnvironment, { ...PLACEHOLDERS, ...process.env });
const plans = await explainApplication(WorkerModule.with(environment));
console.log(process.argv.includes('--json') ? JSON.stringify(plans, undefined, 2) : planTable(plans));
const refused = plans.some(({ entries }) => entries.some(({ answer }) => answer === 'refused'));
process.exitCode = refused ? 1 : 0;
