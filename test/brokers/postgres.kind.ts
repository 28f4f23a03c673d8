import { chown, glob, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { userInfo } from 'node:os';
import pg from 'pg';
import {
  BROKER_PASSWORD,
  BROKER_USER,
  type BrokerHome,
  type BrokerKind,
  type BrokerLaunch,
  type ProcessOwner,
} from './broker-kind.js';
import { programOf, textOf } from './programs.js';

const CONNECT_TIMEOUT_MS = 2_000;

export const postgresKind: BrokerKind = {
  name: 'postgres',
  package: 'postgresql',
  programs: ['initdb', 'postgres'],
  stopSignal: 'SIGINT',
  endSignal: 'SIGQUIT',
  url: ({ port }) => `postgres://${BROKER_USER}:${BROKER_PASSWORD}@127.0.0.1:${port}/postgres`,
  folders,
  prepare,
  launch,
  version,
};

/** Debian keeps every version beside the others: the newest one is used. */
async function folders(): Promise<readonly string[]> {
  const found: string[] = [];
  for await (const folder of glob('/usr/lib/postgresql/*/bin')) found.push(folder);
  const majorOf = (folder: string): number => Number(folder.split('/').at(-2));
  return found.sort((a, b) => majorOf(b) - majorOf(a));
}

async function prepare(home: BrokerHome): Promise<void> {
  const owner = await ownerOfServer();
  const secret = join(home.folder, 'password');
  await writeFile(secret, BROKER_PASSWORD);
  if (owner !== undefined)
    await Promise.all([home.folder, secret].map((at) => chown(at, owner.uid, owner.gid)));
  const args = [
    '-D',
    dataOf(home),
    '-U',
    BROKER_USER,
    '--pwfile',
    secret,
    '-A',
    'scram-sha-256',
    '-E',
    'UTF8',
  ];
  const env = { LC_ALL: 'C', PATH: process.env['PATH'] ?? '' };
  await textOf({
    program: programOf(home, 'initdb'),
    args: [...args, '--no-sync', '--no-locale'],
    env,
    owner,
  });
}

async function launch(home: BrokerHome): Promise<BrokerLaunch> {
  const settings = {
    port: String(home.port),
    listen_addresses: '127.0.0.1',
    unix_socket_directories: home.folder,
    max_connections: '200',
    // Nothing here cuts the power: what was written survives kill -9 without reaching the disk.
    fsync: 'off',
    ...home.settings,
  };
  return {
    program: programOf(home, 'postgres'),
    args: [
      '-D',
      dataOf(home),
      ...Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`]),
    ],
    env: { LC_ALL: 'C' },
    owner: await ownerOfServer(),
  };
}

function dataOf({ folder }: BrokerHome): string {
  return join(folder, 'data');
}

/** PostgreSQL refuses to run as root; its package brings a user for it. */
async function ownerOfServer(): Promise<ProcessOwner | undefined> {
  if (userInfo().uid !== 0) return undefined;
  const idOf = async (which: string): Promise<number> =>
    Number(
      await textOf({ program: 'id', args: [which, 'postgres'], env: { PATH: process.env['PATH'] ?? '' } }),
    );
  return { uid: await idOf('-u'), gid: await idOf('-g') };
}

async function version(url: string): Promise<string> {
  const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: CONNECT_TIMEOUT_MS });
  client.on('error', () => undefined);
  try {
    await client.connect();
    const { rows } = await client.query<{ server_version: string }>('show server_version');
    return rows[0]?.server_version.split(' ')[0] ?? '';
  } finally {
    await client.end();
  }
}
