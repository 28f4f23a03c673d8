import { registerDecorator, type ValidationArguments } from 'class-validator';
import { checkName, quote } from '../../message/names.js';
import type { ForeignExchange } from './rabbitmq.foreign-topics.js';

const KEYS: ReadonlySet<string> = new Set(['exchange', 'routingKey', 'headers', 'match']);
const SHAPE = "such as { 'shop.order': { exchange: 'shop.orders', routingKey: 'order.created' } }";
/** Longest name and routing key that AMQP can write down, in bytes. */
const MAX_BYTES = 255;
/** Headers exchanges pass over the first; the others are the library's and the broker's. */
const TAKEN = /^(?:x-|pp:|cc$|bcc$)/i;

/** Topics by their names, each with its place on an exchange. */
export function AreForeignExchanges(): PropertyDecorator {
  return (target, property) =>
    registerDecorator({
      name: 'areForeignExchanges',
      target: target.constructor,
      propertyName: String(property),
      validator: {
        validate: (value) => problemWith(value) === undefined,
        defaultMessage: (about?: ValidationArguments) => problemWith(about?.value) ?? '',
      },
    });
}

/** The first thing that is wrong, as a sentence; undefined: nothing is. */
export function problemWith(exchanges: unknown): string | undefined {
  if (!isRecord(exchanges)) return `exchanges must be an object of topics, ${SHAPE}`;
  for (const [topic, given] of Object.entries(exchanges)) {
    const problem = topicProblem(topic) ?? exchangeProblem(given);
    if (problem !== undefined) return `exchanges[${quote(topic)}] ${problem}`;
  }
  return undefined;
}

function topicProblem(topic: string): string | undefined {
  try {
    checkName('topic', topic);
    return undefined;
  } catch {
    return "must be the name of a topic: letters, digits, '.', '_' and '-', without wildcards";
  }
}

function exchangeProblem(given: unknown): string | undefined {
  if (!isRecord(given)) return `must be an object, ${SHAPE}`;
  const unknown = Object.keys(given).find((key) => !KEYS.has(key));
  if (unknown !== undefined) return `has no option ${quote(unknown)}: there are ${[...KEYS].join(', ')}`;
  const { exchange, routingKey = '', headers = {}, match = 'all' } = given as Partial<ForeignExchange>;
  if (!isShort(exchange))
    return `needs the name of an exchange in \`exchange\`, of at most ${MAX_BYTES} bytes`;
  if (!isShort(routingKey)) return `has a routingKey that is no text of at most ${MAX_BYTES} bytes`;
  if (exchange === '' && routingKey === '')
    return 'is on the default exchange, where `routingKey` must name a queue';
  if (match !== 'all' && match !== 'any') return "has a match that is neither 'all' nor 'any'";
  return headersProblem(headers);
}

function headersProblem(headers: unknown): string | undefined {
  if (!isRecord(headers)) return 'has headers that are no object';
  for (const [name, value] of Object.entries(headers)) {
    if (TAKEN.test(name) || name === '')
      return `has a header ${quote(name)}: names with x- or pp: in front, CC and BCC have a meaning of their own`;
    if (!['string', 'number', 'boolean'].includes(typeof value))
      return `has a header ${quote(name)} that is neither a text, a number nor true or false`;
  }
  return undefined;
}

function isShort(text: unknown): text is string {
  return typeof text === 'string' && Buffer.byteLength(text) <= MAX_BYTES;
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
