// Installs the packed libraries into fresh applications and runs them: what a user gets, not what the repository sees.
import { spawnSync } from 'node:child_process';
import { accessSync, constants, cpSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { run, withTarballs } from '../../scripts/packed.ts';

const FIXTURES = join(import.meta.dirname, 'fixtures');
const APPLICATIONS = ['nest-12-esm', 'nest-11-cjs'] as const;
const RUN_LIMIT_MS = 30_000;

/** The Node that npm installed for this repository, and the one of the machine: the oldest and the newest we promise. */
const PROJECT_NODE = process.execPath;
const MACHINE_NODE = machineNode();

function machineNode(): string {
  const folders = (process.env['PATH'] ?? '')
    .split(delimiter)
    .filter((folder) => !folder.includes('node_modules'));
  const found = folders.map((folder) => join(folder, 'node')).find(isExecutable);
  return found ?? PROJECT_NODE;
}

function isExecutable(file: string): boolean {
  try {
    accessSync(file, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

interface Ending {
  readonly code: number | null;
  readonly output: string;
}

function start(node: string, args: readonly string[], cwd: string): Ending {
  const { status, stdout, stderr } = spawnSync(node, args, { cwd, encoding: 'utf8', timeout: RUN_LIMIT_MS });
  return { code: status, output: `${stdout}${stderr}`.trim() };
}

/** The table that is looked for, or all that was said instead. */
function shortened({ code, output }: Ending): Ending {
  return { code, output: /CREATE TABLE \w+\.messages/.exec(output)?.[0] ?? output };
}

function versionOf(node: string): readonly [major: number, minor: number] {
  const [major = 0, minor = 0] = start(node, ['--version'], FIXTURES).output.slice(1).split('.').map(Number);
  return [major, minor];
}

/** `node:sqlite` needs no flag from 22.13 on. */
function hasSqlite(node: string): boolean {
  const [major, minor] = versionOf(node);
  return major > 22 || (major === 22 && minor >= 13);
}

let passed = 0;
let failed = 0;

function expectEnding(what: string, ending: Ending, holds: (ending: Ending) => unknown): void {
  const ok = Boolean(holds(ending));
  if (ok) passed++;
  else failed++;
  console.log(`${ok ? 'ok  ' : 'FAIL'} ${what}: ${ending.output} (exit code ${ending.code})`);
}

const handles = ({ code, output }: Ending): boolean =>
  code === 0 && output.startsWith('handled OrderPlaced o-1');
const printsTables = ({ code, output }: Ending): boolean =>
  code === 0 && output.includes('CREATE TABLE shop.messages');
const saysWhatIsMissing = ({ code, output }: Ending): boolean =>
  code === 1 && /SQLite on Node v\d+.*use Node \d+ or later/.test(output);

function install(application: string, tarballs: readonly string[], folder: string): string {
  const home = join(folder, application);
  cpSync(join(FIXTURES, application), home, { recursive: true });
  cpSync(join(FIXTURES, 'orders.ts'), join(home, 'src/orders.ts'));
  run('npm', ['install', '--silent', '--no-audit', '--no-fund', ...tarballs], home);
  return home;
}

function tryOut(application: string, home: string): void {
  expectEnding(
    `${application} compiles, declaration files included`,
    start(PROJECT_NODE, ['node_modules/typescript/bin/tsc'], home),
    ({ code }) => code === 0,
  );
  for (const node of new Set([MACHINE_NODE, PROJECT_NODE])) {
    const on = `${application} on Node ${versionOf(node).join('.')}`;
    expectEnding(`${on} with memory`, start(node, ['dist/orders.js', 'memory'], home), handles);
    const sqlite = start(node, ['dist/orders.js', 'sqlite', join(home, 'orders.db')], home);
    expectEnding(`${on} with sqlite`, sqlite, hasSqlite(node) ? handles : saysWhatIsMissing);
    const command = ['node_modules/.bin/pigeonpost-postgres', '--sql', '--schema', 'shop'];
    expectEnding(`${on} prints the tables of postgres`, shortened(start(node, command, home)), printsTables);
  }
}

withTarballs((tarballs, folder) => {
  for (const application of APPLICATIONS) tryOut(application, install(application, tarballs, folder));
});
console.log(`${passed} passed, ${failed} failed`);
process.exitCode = failed === 0 ? 0 : 1;
