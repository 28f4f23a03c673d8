import type { ConsumeMessage } from 'amqplib';
import { adopt } from './rabbitmq.adoption.js';
import type { ForeignRoute } from './rabbitmq.foreign-topics.js';

/** One entry of `x-death`, as far as it is read here. */
interface Death {
  readonly reason?: unknown;
  readonly exchange?: unknown;
  readonly 'routing-keys'?: readonly unknown[];
}

/**
 * A message that the broker itself gave up came to the dead letters by a way of the broker's. This is the same message as
 * it came to its subscription, with the exchange and the routing key that tell its topic.
 */
export function asItCame(
  letter: ConsumeMessage,
  routes: readonly ForeignRoute[],
  nowMs: number,
): ConsumeMessage {
  const deaths = (letter.properties.headers?.['x-death'] ?? []) as readonly Death[];
  const death = deaths.find(({ reason }) => reason === 'delivery_limit');
  const [routingKey] = death?.['routing-keys'] ?? [];
  if (typeof routingKey !== 'string') return letter;
  const fields = { ...letter.fields, exchange: String(death?.exchange), routingKey };
  const message = { ...letter, fields, properties: { ...letter.properties } };
  adopt(message, routes, nowMs);
  return message;
}
