import type { Ambient, OpenedBackend } from '@pigeonpost/queue';
import { rabbitmqBackend } from '@pigeonpost/queue/rabbitmq';
import {
  type BackendFixture,
  realTime,
  skewedClock,
  testAmbient,
  type World,
} from '@pigeonpost/queue/testing';
import { brokerUrl } from '../brokers/broker-url.js';
import { removeQueues } from '../brokers/rabbitmq/remove-queues.js';
import type { BackendUnderLaws } from './backends.js';
import { declaredBy } from './declared.js';

/** The largest body of the laws: they send one as large as allowed. */
const MAX_BYTES = 1024 * 1024;

export const rabbitmq: BackendUnderLaws = {
  fixture: rabbitmqFixture(),
  needs: 'rabbitmq',
  atOnce: 24,
  declared: declaredBy(rabbitmqBackend, { url: 'amqp://localhost' }),
};

/** Each law has a prefix of its own. */
export function rabbitmqFixture(options: Readonly<Record<string, unknown>> = {}): BackendFixture {
  return { name: 'rabbitmq', create: () => createWorld(options) };
}

let worlds = 0;

async function createWorld(options: Readonly<Record<string, unknown>>): Promise<World> {
  const time = realTime();
  const ambient = testAmbient(time.clock, ++worlds);
  const prefix = `laws-${process.pid}-${worlds}`;
  const subscriptions = new Set<string>();
  const url = brokerUrl('rabbitmq');
  const connectWith = async (of: Ambient): Promise<OpenedBackend> => {
    const opened = await rabbitmqBackend.open(
      'rabbitmq',
      { url, prefix, maxBytes: MAX_BYTES, ...options },
      of,
    );
    const { backend } = opened;
    const ensure = backend.ensure.bind(backend);
    backend.ensure = (topology, mode) => {
      for (const { name } of topology.subscriptions) subscriptions.add(name);
      return ensure(topology, mode);
    };
    return opened;
  };
  return {
    time,
    ambient,
    connect: () => connectWith(ambient),
    connectSkewed: (offsetMs) => connectWith({ ...ambient, clock: skewedClock(time.clock, offsetMs) }),
    dispose: () => removeQueues(url, prefix, subscriptions),
  };
}
