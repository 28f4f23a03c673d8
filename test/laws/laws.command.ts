// Runs the laws over the library's backends, without Jest: npm run laws -- --help
import { writeFile } from 'node:fs/promises';
import { BACKENDS, type BackendUnderLaws } from './backends.js';
import { readFlags, runCommand, UsageError } from './command-line.js';
import { isSound, type Proof, prove } from './proof.js';
import { asJson, asText } from './proof.report.js';

const NAMES = BACKENDS.map(({ fixture }) => fixture.name);

const HELP = `npm run laws -- [options]

Holds backends to the laws and says of each law: passed, refused as declared (the backend lacks what the law needs, says
so, and refuses), not applicable (it lacks it, and there is nothing to refuse), not offered (a promise that the library
does not make yet), or failed. Ends with 1 when a law failed, or when a backend claims a capability that no law has shown.

  --backend NAME   ${NAMES.join(', ')} or all      default: all
  --json FILE      writes the same as JSON
  --help
`;

await runCommand(HELP, async () => {
  const flags = readFlags(['backend', 'json']);
  if (flags === 'help') return print(HELP);
  const proofs: Proof[] = [];
  for (const backend of named(flags['backend'] ?? 'all')) {
    const proof = await prove(backend);
    proofs.push(proof);
    print(`${asText(proof)}\n`);
  }
  if (flags['json'] !== undefined) await writeFile(flags['json'], asJson(proofs));
  return proofs.every(isSound) ? 0 : 1;
});

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
