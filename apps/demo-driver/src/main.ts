import 'reflect-metadata';
import { readOptions, USAGE, UsageError } from './demo.options.js';
import { runDemo } from './run-demo.js';

async function main(words: readonly string[]): Promise<number> {
  const options = readOptions(words);
  if (options !== 'help') return runDemo(options);
  process.stdout.write(USAGE);
  return 0;
}

try {
  process.exitCode = await main(process.argv.slice(2));
} catch (error) {
  process.exitCode = error instanceof UsageError ? 2 : 1;
  const hint = error instanceof UsageError ? `\n\n${USAGE}` : '\n';
  process.stderr.write((error as Error).message + hint);
}
