import { once } from 'node:events';
import { createServer } from 'node:net';

// Below the ports that systems lend to clients: while a broker is down, no connection of anybody may come to sit on its port.
const LOWEST = 20_000;
const HIGHEST = 32_000;

/** Loopback ports that nobody listens on. */
export async function freePorts(count: number): Promise<readonly number[]> {
  const ports = new Set<number>();
  while (ports.size < count) {
    const port = LOWEST + Math.floor(Math.random() * (HIGHEST - LOWEST));
    if (await isFree(port)) ports.add(port);
  }
  return [...ports];
}

async function isFree(port: number): Promise<boolean> {
  const server = createServer();
  const bound = Promise.race([
    once(server, 'listening').then(() => true),
    once(server, 'error').then(() => false),
  ]);
  server.listen(port, '127.0.0.1');
  const isBound = await bound;
  if (isBound) await new Promise((resolve) => server.close(resolve));
  return isBound;
}
