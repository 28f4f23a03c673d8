// Runs the laws over the library's backends, without Jest: npm run laws -- --help
import { writeFile } from 'node:fs/promises';
import { startBrokers, stopBrokers } from '../brokers/run-brokers.js';
import { REQUIRED } from '../brokers/run-mode.js';
import { BACKENDS, type BackendUnderLaws, whyNotHere } from './backends.js';
import { readFlags, runCommand, UsageError } from './command-line.js';
import { isSound, type Proof, prove } from './proof.js';
import { asJson, asText } from './proof.report.js';

const NAMES = BACKENDS.map(({ fixture }) => fixture.name);

const HELP = `npm run laws -- [options]

Holds backends to the laws and says of each law: passed, refused as declared (the backend lacks what the law needs, says
so, and refuses), not applicable (it lacks it, and there is nothing to refuse), not offered (a promise that the library
does not make yet), or failed. Ends with 1 when a law failed, or when a backend claims a capability that no law has shown.
Brokers that nobody gave an address for are started. A backend whose broker is missing is named, and ends the run with 1
if PIGEONPOST_BROKERS=required.

  --backend NAME   ${NAMES.join(', ')} or all      default: all
  --json FILE      writes the same as JSON
  --help
`;

await runCommand(HELP, async () => {
  const flags = readFlags(['backend', 'json']);
  if (flags === 'help') return print(HELP);
  const backends = named(flags['backend'] ?? 'all');
  await startBrokers(backends.flatMap(({ needs }) => needs ?? []));
  try {
    return await proveEach(backends, flags['json']);
  } finally {
    await stopBrokers();
  }
});

async function proveEach(backends: readonly BackendUnderLaws[], file: string | undefined): Promise<number> {
  const proofs: Proof[] = [];
  const missing: string[] = [];
  for (const backend of backends) {
    const why = whyNotHere(backend);
    if (why !== undefined) missing.push(`laws of ${backend.fixture.name} were not run: ${why}\n`);
    else proofs.push(await proveOne(backend));
  }
  print(missing.join(''));
  if (file !== undefined) await writeFile(file, asJson(proofs));
  const isEnough = missing.length === 0 || process.env['PIGEONPOST_BROKERS'] !== REQUIRED;
  return proofs.every(isSound) && isEnough ? 0 : 1;
}

async function proveOne(backend: BackendUnderLaws): Promise<Proof> {
  const proof = await prove(backend);
  print(`${asText(proof)}\n`);
  return proof;
}
function named(name: string): readonly BackendUnderLaws[] {
  if (name === 'all') return BACKENDS;
  const found = BACKENDS.filter(({ fixture }) => fixture.name === name);
  if (found.length === 0) throw new UsageError(`--backend knows ${NAMES.join(', ')} and all; not "${name}"`);
  return found;
}

function print(text: string): 0 {
  process.stdout.write(text);
  return 0;
}
