import { redisBackend } from '@pigeonpost/queue/redis';
import { realTime, skewedClock, testAmbient, type World } from '@pigeonpost/queue/testing';
import { Redis } from 'ioredis';
import { brokerUrl } from '../brokers/broker-url.js';
import type { BackendUnderLaws } from './backends.js';
import { declaredBy } from './declared.js';

let worlds = 0;

export const redis: BackendUnderLaws = {
  fixture: { name: 'redis', create: async () => createWorld() },
  needs: 'redis',
  // They wait for a real clock, each with keys of its own.
  atOnce: 40,
  declared: declaredBy(redisBackend, { url: 'redis://localhost' }),
};

function createWorld(): World {
  const time = realTime();
  const ambient = testAmbient(time.clock, ++worlds);
  const options = { url: brokerUrl('redis'), prefix: `laws-${process.pid}-${worlds}` };
  return {
    time,
    ambient,
    connect: () => redisBackend.open('redis', options, ambient),
    connectSkewed: (offsetMs) =>
      redisBackend.open('redis', options, { ...ambient, clock: skewedClock(time.clock, offsetMs) }),
    dispose: () => removeAll(options),
  };
}

async function removeAll({ url, prefix }: { readonly url: string; readonly prefix: string }): Promise<void> {
  const client = new Redis(url);
  for await (const keys of client.scanStream({ match: `{${prefix}}*`, count: 1_000 })) {
    if ((keys as string[]).length > 0) await client.unlink(keys as string[]);
  }
  client.disconnect();
}
