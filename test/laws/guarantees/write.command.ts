// Runs the laws and writes down what they have shown: npm run docs:guarantees
import { readFile, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { BACKENDS } from '../backends.js';
import { readFlags, runCommand } from '../command-line.js';
import { isSound, prove } from '../proof.js';
import { asText } from '../proof.report.js';
import { type Column, provenColumn } from './columns.js';
import { PAGE, pageOf, README, readmeWith } from './page.js';

const ROOT = resolve(import.meta.dirname, '../../..');

const HELP = `npm run docs:guarantees

Runs all laws over all backends and writes ${PAGE} and the matrix in ${README}. Ends with 1, and writes nothing, when
a law failed, or when a backend claims a capability that no law has shown.
`;

await runCommand(HELP, async () => {
  if (readFlags([]) === 'help') return print(HELP, 0);
  const columns: Column[] = [];
  for (const backend of BACKENDS) {
    const proof = await prove(backend);
    if (!isSound(proof)) return print(asText(proof), 1);
    columns.push(await provenColumn(backend, proof));
  }
  await writeFile(join(ROOT, PAGE), pageOf(columns));
  await writeFile(join(ROOT, README), readmeWith(columns, await readFile(join(ROOT, README), 'utf8')));
  return print(`${PAGE} and ${README} say what ${BACKENDS.length} backends have shown\n`, 0);
});

function print(text: string, code: number): number {
  process.stdout.write(text);
  return code;
}
