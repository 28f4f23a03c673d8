// Runs every check that needs no build, two at a time, one line a step. The output of a step is shown only when it fails.
import { spawn } from 'node:child_process';

/** The longest one first, so that the others fit beside it. */
const STEPS = ['test:unit', 'typecheck', 'format:check', 'lint', 'test:architecture'] as const;
/** Most of a step is one thread. */
const AT_ONCE = 2;

interface StepRun {
  readonly passed: boolean;
  readonly output: string;
}

function run(step: string): Promise<StepRun> {
  const child = spawn('npm', ['run', '--silent', step], { stdio: ['ignore', 'pipe', 'pipe'] });
  const chunks: Buffer[] = [];
  child.stdout.on('data', (chunk: Buffer) => chunks.push(chunk));
  child.stderr.on('data', (chunk: Buffer) => chunks.push(chunk));
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code) => resolve({ passed: code === 0, output: Buffer.concat(chunks).toString() }));
  });
}

async function report(step: string): Promise<boolean> {
  const startedAt = performance.now();
  const { passed, output } = await run(step);
  const seconds = ((performance.now() - startedAt) / 1000).toFixed(1).padStart(5);
  console.log(`${passed ? 'ok  ' : 'FAIL'} ${seconds} s  ${step}`);
  if (!passed) console.log(`\n${output.trimEnd()}\n`);
  return passed;
}

let failed = 0;
const startedAt = performance.now();
const waiting: string[] = [...STEPS];
async function lane(): Promise<void> {
  for (let step = waiting.shift(); step !== undefined; step = waiting.shift()) {
    if (!(await report(step))) failed++;
  }
}
await Promise.all(Array.from({ length: AT_ONCE }, lane));
const seconds = ((performance.now() - startedAt) / 1000).toFixed(1);
console.log(
  failed === 0 ? `All checks passed in ${seconds} s` : `${failed} of ${STEPS.length} checks failed`,
);
process.exitCode = failed === 0 ? 0 : 1;
