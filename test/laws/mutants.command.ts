// Puts backends with known mistakes in front of the laws: npm run mutants -- --help
import { writeFile } from 'node:fs/promises';
import { IMPOSSIBLE_MUTANTS } from '@pigeonpost/queue/testing';
import { readFlags, runCommand } from './command-line.js';
import { brokenWithoutMutant, type Trial, tryMutants } from './mutant-trial.js';

/** Longest reason that is shown; the JSON has all of it. */
const WIDEST = 120;

const HELP = `npm run mutants -- [options]

Runs every mutant, a backend or a consumer with a mistake that a real messaging system has made, against the laws and a few
simulations, and says which law and which seed caught it. Known mistakes that nothing here could make are listed after
them. Ends with 1 when one survives, or when a law is broken without any mutant.

  --json FILE      writes the same as JSON
  --help
`;

await runCommand(HELP, async () => {
  const flags = readFlags(['json']);
  if (flags === 'help') return print(HELP);
  const broken = await brokenWithoutMutant();
  if (broken.length > 0) print(`laws that are broken without any mutant: ${broken.join(', ')}\n`);
  const trials: Trial[] = [];
  for await (const trial of tryMutants()) {
    trials.push(trial);
    print(lineOf(trial));
  }
  const caught = trials.filter(({ caught }) => caught).length;
  const passed = broken.length === 0 && caught === trials.length;
  for (const { name, why } of IMPOSSIBLE_MUTANTS) print(`  cannot be made here   ${name}: ${why}\n`);
  print(`mutants: ${caught} of ${trials.length} caught\n`);
  if (flags['json'] !== undefined)
    await writeJson(flags['json'], { passed, broken, mutants: trials, impossible: IMPOSSIBLE_MUTANTS });
  return passed ? 0 : 1;
});

function lineOf({ mutant, caughtBy, why, seed }: Trial): string {
  if (caughtBy === undefined) return `  not caught by a law${seenBy(seed)}  ${mutant}\n`;
  return `  caught by ${caughtBy.padEnd(5)}${seenBy(seed)} ${mutant}: ${onOneLine(why ?? '')}\n`;
}

function seenBy(seed: number | undefined): string {
  return (seed === undefined ? '' : `seed ${seed}`).padEnd(7);
}

function onOneLine(text: string): string {
  const line = text.replace(/\s+/g, ' ');
  return line.length > WIDEST ? `${line.slice(0, WIDEST)}…` : line;
}

function writeJson(file: string, value: unknown): Promise<void> {
  return writeFile(file, `${JSON.stringify(value, undefined, 2)}\n`);
}

function print(text: string): 0 {
  process.stdout.write(text);
  return 0;
}
