import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';

export const ROOT = resolve(import.meta.dirname, '..');
const LIBRARIES = ['queue', 'tasks'] as const;

/** Runs a command and shows its output; throws when it fails. */
export function run(command: string, args: readonly string[], cwd = ROOT): void {
  execFileSync(command, args, { cwd, stdio: ['ignore', 'inherit', 'inherit'] });
}

/** Builds both libraries afresh and hands over the tarballs a registry would get; they are gone afterwards. */
export function withTarballs(use: (tarballs: readonly string[], folder: string) => void): void {
  run('npm', ['run', '--silent', 'build:libs']);
  const folder = mkdtempSync(join(tmpdir(), 'pigeonpost-packed-'));
  try {
    use(
      LIBRARIES.map((name) => pack(name, folder)),
      folder,
    );
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function pack(name: string, folder: string): string {
  const args = ['pack', '--silent', '--pack-destination', folder, '--workspace', `@pigeonpost/${name}`];
  return join(folder, execFileSync('npm', args, { cwd: ROOT, encoding: 'utf8' }).trim());
}
