import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { connect } from 'amqplib';
import {
  BROKER_PASSWORD,
  BROKER_USER,
  type BrokerHome,
  type BrokerKind,
  type BrokerLaunch,
} from './broker-kind.js';
import { programOf } from './programs.js';

const CONNECT_TIMEOUT_MS = 2_000;

/** The package's other copies, on PATH, insist on a user and on folders of their own. */
const SCRIPTS = '/usr/lib/rabbitmq/bin';

export const rabbitmqKind: BrokerKind = {
  name: 'rabbitmq',
  package: 'rabbitmq-server',
  programs: ['rabbitmq-server', 'rabbitmqctl', 'epmd', 'sh'],
  stopSignal: 'SIGTERM',
  endSignal: 'SIGKILL',
  url: ({ port }) => `amqp://${BROKER_USER}:${BROKER_PASSWORD}@127.0.0.1:${port}`,
  folders: async () => [SCRIPTS],
  prepare,
  launch,
  version,
};

async function prepare(home: BrokerHome): Promise<void> {
  const settings = {
    default_user: BROKER_USER,
    default_pass: BROKER_PASSWORD,
    // The default is an alarm below 50 MB; a small machine must not stop the tests.
    'disk_free_limit.absolute': '1MB',
    ...home.settings,
  };
  const lines = Object.entries(settings).map(([name, value]) => `${name} = ${value}\n`);
  await writeFile(join(home.folder, 'rabbitmq.conf'), lines.join(''));
  await writeFile(join(home.folder, 'plugins'), '[].\n');
}

/** Erlang's name server is the broker's own too: it comes and goes with it. */
const BOTH = '"$1" -port "$ERL_EPMD_PORT" -address 127.0.0.1 & exec "$2"';

async function launch(home: BrokerHome): Promise<BrokerLaunch> {
  const programs = [programOf(home, 'epmd'), programOf(home, 'rabbitmq-server')];
  return { program: programOf(home, 'sh'), args: ['-c', BOTH, 'sh', ...programs], env: rabbitmqEnv(home) };
}

/** What RabbitMQ's programs must be given to reach this node and no other. */
export function rabbitmqEnv({
  folder,
  port,
  spare: [nodePort, epmdPort],
}: BrokerHome): Readonly<Record<string, string>> {
  return {
    HOME: folder,
    RABBITMQ_NODENAME: `pigeonpost-${port}@localhost`,
    RABBITMQ_NODE_IP_ADDRESS: '127.0.0.1',
    RABBITMQ_NODE_PORT: String(port),
    RABBITMQ_DIST_PORT: String(nodePort),
    ERL_EPMD_ADDRESS: '127.0.0.1',
    ERL_EPMD_PORT: String(epmdPort),
    RABBITMQ_CONFIG_FILE: join(folder, 'rabbitmq.conf'),
    RABBITMQ_CONF_ENV_FILE: join(folder, 'none'),
    RABBITMQ_ADVANCED_CONFIG_FILE: join(folder, 'none.config'),
    RABBITMQ_ENABLED_PLUGINS_FILE: join(folder, 'plugins'),
    RABBITMQ_MNESIA_BASE: join(folder, 'data'),
    RABBITMQ_LOG_BASE: join(folder, 'log'),
    RABBITMQ_LOGS: '-',
    // No shell in between, which would take the signals; and few threads, because tests share the machine.
    RABBITMQ_ALLOW_INPUT: '1',
    RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS: '-noinput -start_epmd false +S 2:2 +SDio 4 +A 8',
  };
}

async function version(url: string): Promise<string> {
  const connection = await connect(url, { timeout: CONNECT_TIMEOUT_MS });
  connection.on('error', () => undefined);
  const { version: said } = connection.connection.serverProperties as { readonly version?: string };
  await connection.close();
  return said ?? '';
}
