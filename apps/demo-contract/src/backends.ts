import type { BackendConfig } from '@pigeonpost/queue';
import type { DemoEnvironment } from './environment.js';

/** What the name of the queue begins with, and which broker that means; anything else is a file of SQLite. */
const BROKERS = {
  'postgres:': 'postgres',
  'postgresql:': 'postgres',
  'redis:': 'redis',
  'amqp:': 'rabbitmq',
} as const;

/** The backends of the demo: where the messages are, and beside a broker that remembers nothing where the keys are. */
export function backendsOf({
  DEMO_QUEUE: queue,
  DEMO_KEYS_FILE: keys,
}: DemoEnvironment): readonly BackendConfig[] {
  const broker = Object.entries(BROKERS).find(([scheme]) => queue.startsWith(scheme))?.[1];
  if (broker === undefined) return [{ name: 'events', driver: 'sqlite', file: queue }];
  if (broker !== 'rabbitmq') return [{ name: 'events', driver: broker, url: queue }];
  return [
    // The demo runs on one host, so a file of that host may remember for all of it.
    { name: 'events', driver: broker, url: queue, primary: true, store: 'keys', locality: 'host' },
    { name: 'keys', driver: 'sqlite', file: keys },
  ];
}
