import { execFile } from 'node:child_process';
import { access, constants } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { BrokerHome, BrokerKind, BrokerLaunch } from './broker-kind.js';
import { BrokerMissingError } from './broker-name.js';

/** Where a broker's programs are, by name. Throws BrokerMissingError. */
export async function findPrograms(kind: BrokerKind): Promise<ReadonlyMap<string, string>> {
  const folders = [...(await kind.folders()), ...(process.env['PATH'] ?? '').split(':')];
  const found = new Map<string, string>();
  for (const program of kind.programs) {
    const path = await firstOf(folders.map((folder) => join(folder, program)));
    if (path === undefined) throw new BrokerMissingError(kind.name, adviceFor(program));
    found.set(program, path);
  }
  return found;
}

function adviceFor(program: string): string {
  return `there is no ${program} on this machine. On Debian and Ubuntu: npm run brokers -- install`;
}

async function firstOf(paths: readonly string[]): Promise<string | undefined> {
  for (const path of paths) {
    const isThere = await access(path, constants.X_OK).then(
      () => true,
      () => false,
    );
    if (isThere) return path;
  }
  return undefined;
}

/** The path of one of the kind's programs. */
export function programOf({ programs }: BrokerHome, name: string): string {
  const path = programs.get(name);
  if (path === undefined) throw new Error(`${name} is not among the programs of this broker`);
  return path;
}

/** Runs a program to its end and gives what it wrote. Rejects, with what it wrote, unless it ended with 0. */
export async function textOf({ program, args, env, owner }: BrokerLaunch): Promise<string> {
  // The folder of whoever runs the tests may be closed to the program's owner.
  const { stdout } = await promisify(execFile)(program, [...args], { cwd: '/', env: { ...env }, ...owner });
  return stdout;
}
