import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Options } from './options.ts';

const ROOT = join(import.meta.dirname, '..');

/** Builds the library unless another build was named. Throws when it does not build. */
export function buildLibrary(options: Options): void {
  if (options.library !== undefined) return;
  const { status, stdout } = run('tsc', ['-b', 'libs/queue/tsconfig.lib.json'], ROOT);
  if (status !== 0) throw new Error(`libs/queue does not build:\n${stdout}`);
}

/**
 * Installs the contenders that only the bench needs; the Node that runs this one chooses their binaries. What cannot be
 * installed is missing in the tables, and named there.
 */
export function installPeers(): void {
  if (isInstalled()) return;
  const { status, stderr } = run(
    'npm',
    ['ci', '--no-audit', '--no-fund', '--ignore-scripts'],
    import.meta.dirname,
  );
  if (status !== 0) console.error(`the contenders could not be installed:\n${stderr}`);
}

/** Whether what npm has put there is what the lockfile says. */
function isInstalled(): boolean {
  try {
    // What is optional may be for another system.
    const wanted = packagesOf('package-lock.json');
    const present = packagesOf('node_modules/.package-lock.json');
    return Object.entries(wanted).every(
      ([path, { version, optional }]) =>
        path === '' || present[path]?.version === version || (optional === true && !(path in present)),
    );
  } catch {
    return false;
  }
}

interface Package {
  readonly version?: string;
  readonly optional?: boolean;
}

function packagesOf(lockfile: string): Record<string, Package> {
  const text = readFileSync(join(import.meta.dirname, lockfile), 'utf8');
  return (JSON.parse(text) as { packages: Record<string, Package> }).packages;
}

function run(command: string, args: readonly string[], cwd: string) {
  return spawnSync(command, args, { cwd, encoding: 'utf8', env: process.env });
}
