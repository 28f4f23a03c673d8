import { redisBackend } from '@pigeonpost/queue/redis';
import { realTime, skewedClock, testAmbient, type World } from '@pigeonpost/queue/testing';
import { brokerUrl } from '../brokers/broker-url.js';
import { removeKeys } from '../brokers/redis/remove-keys.js';
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
    dispose: () => removeKeys(options),
  };
}
