import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdir } from 'node:fs/promises';
import { userInfo } from 'node:os';
import { type BrokerName, BrokerMissingError, urlVariable } from './broker-name.js';
import { KINDS } from './broker-process.js';
import { findPrograms } from './programs.js';

/** Installs what is missing of these, and has no address, by apt-get; gives the exit code. The packages' own services are not started. */
export async function install(names: readonly BrokerName[]): Promise<number> {
  const packages: string[] = [];
  const needed = names.filter((name) => process.env[urlVariable(name)] === undefined);
  for (const name of needed) if (await isMissing(name)) packages.push(KINDS[name].package);
  if (packages.length === 0) return say(`${names.join(', ')}: nothing to install`, 0);
  if (userInfo().uid !== 0) {
    return say(`root is needed to install ${packages.join(' ')}: apt-get install ${packages.join(' ')}`, 1);
  }
  const hadLists = await hasLists();
  if (!hadLists) await aptGet('update');
  const installing = ['install', '--yes', '--no-install-recommends', ...packages];
  const code = await aptGet(...installing);
  if (code === 0 || !hadLists) return code;
  // Lists that are too old name files that are there no more.
  await aptGet('update');
  return aptGet(...installing);
}

async function isMissing(name: BrokerName): Promise<boolean> {
  try {
    await findPrograms(KINDS[name]);
    return false;
  } catch (error) {
    if (error instanceof BrokerMissingError) return true;
    throw error;
  }
}

/** Images of containers come without the lists of packages. */
async function hasLists(): Promise<boolean> {
  const entries = await readdir('/var/lib/apt/lists').catch(() => []);
  return entries.some((entry) => entry.includes('_Packages'));
}

async function aptGet(...args: readonly string[]): Promise<number> {
  // In runlevel 1 a package leaves its service alone.
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive', RUNLEVEL: '1' };
  const child = spawn('apt-get', args, { stdio: ['ignore', 'inherit', 'inherit'], env });
  const [code] = (await Promise.race([once(child, 'exit'), once(child, 'error').then(() => [1])])) as [
    number,
  ];
  return code === 0 ? 0 : say(`apt-get ${args.join(' ')} failed (${code})`, 1);
}

function say(text: string, code: number): number {
  process.stdout.write(`${text}\n`);
  return code;
}
