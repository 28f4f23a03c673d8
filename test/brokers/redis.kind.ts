import { Redis } from 'ioredis';
import { BROKER_PASSWORD, type BrokerHome, type BrokerKind, type BrokerLaunch } from './broker-kind.js';
import { programOf } from './programs.js';

const CONNECT_TIMEOUT_MS = 2_000;

export const redisKind: BrokerKind = {
  name: 'redis',
  package: 'redis-server',
  programs: ['redis-server'],
  stopSignal: 'SIGTERM',
  endSignal: 'SIGKILL',
  url: ({ port }) => `redis://:${BROKER_PASSWORD}@127.0.0.1:${port}`,
  folders: async () => [],
  prepare: async () => undefined,
  launch,
  version,
};

async function launch(home: BrokerHome): Promise<BrokerLaunch> {
  const settings = {
    bind: '127.0.0.1',
    port: String(home.port),
    dir: home.folder,
    requirepass: BROKER_PASSWORD,
    save: '',
    appendonly: 'yes',
    // Nothing here cuts the power: what was written survives kill -9 without reaching the disk.
    appendfsync: 'everysec',
    'maxmemory-policy': 'noeviction',
    // Its own choice, ten thousand above the port, may be taken.
    ...('cluster-enabled' in home.settings && { 'cluster-port': String(home.spare[0]) }),
    ...home.settings,
  };
  const args = Object.entries(settings).flatMap(([name, value]) => [`--${name}`, value]);
  return { program: programOf(home, 'redis-server'), args, env: {} };
}

async function version(url: string): Promise<string> {
  const redis = new Redis(url, {
    lazyConnect: true,
    connectTimeout: CONNECT_TIMEOUT_MS,
    commandTimeout: CONNECT_TIMEOUT_MS,
    retryStrategy: () => null,
  });
  redis.on('error', () => undefined);
  try {
    await redis.connect();
    return /redis_version:(\S+)/.exec(await redis.info('server'))?.[1] ?? '';
  } finally {
    redis.disconnect();
  }
}
