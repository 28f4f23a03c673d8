// Runs the laws and writes down what they have shown: npm run docs:guarantees
import { readFile, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { BACKENDS, whyNotHere } from '../backends.js';
import { startBrokers, stopBrokers } from '../../brokers/run-brokers.js';
import { readFlags, runCommand } from '../command-line.js';
import { isSound, prove } from '../proof.js';
import { asText } from '../proof.report.js';
import { type Column, provenColumn } from './columns.js';
import { PAGE, pageOf, README, readmeWith } from './page.js';

const ROOT = resolve(import.meta.dirname, '../../..');

const HELP = `npm run docs:guarantees

Runs all laws over all backends and writes ${PAGE} and the matrix in ${README}. Ends with 1, and writes nothing, when
a law failed, when a backend claims a capability that no law has shown, or when a broker is missing. Brokers that nobody
gave an address for are started.
`;

await runCommand(HELP, async () => {
  if (readFlags([]) === 'help') return print(HELP, 0);
  await startBrokers(BACKENDS.flatMap(({ needs }) => needs ?? []));
  try {
    return await write();
  } finally {
    await stopBrokers();
  }
});

async function write(): Promise<number> {
  const missing = BACKENDS.map(whyNotHere).filter((why) => why !== undefined);
  if (missing.length > 0) return print(`nothing is written: ${missing.join(', ')}\n`, 1);
  const columns: Column[] = [];
  for (const backend of BACKENDS) {
    const proof = await prove(backend);
    if (!isSound(proof)) return print(asText(proof), 1);
    columns.push(provenColumn(backend, proof));
  }
  await writeFile(join(ROOT, PAGE), pageOf(columns));
  await writeFile(join(ROOT, README), readmeWith(columns, await readFile(join(ROOT, README), 'utf8')));
  return print(`${PAGE} and ${README} say what ${BACKENDS.length} backends have shown\n`, 0);
}

function print(text: string, code: number): number {
  process.stdout.write(text);
  return code;
}
