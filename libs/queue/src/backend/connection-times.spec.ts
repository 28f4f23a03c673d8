import { validateSync } from 'class-validator';
import type { BackendFactory } from './backend.js';
import { postgresBackend } from '../backends/postgres/index.js';
import { rabbitmqBackend } from '../backends/rabbitmq/index.js';
import { redisBackend } from '../backends/redis/index.js';

const URLS = { postgres: 'postgres://h/d', rabbitmq: 'amqp://h', redis: 'redis://h' };
const KINDS = [
  ['postgres', postgresBackend],
  ['rabbitmq', rabbitmqBackend],
  ['redis', redisBackend],
] as const;

function problemsOf(kind: keyof typeof URLS, { optionsClass }: BackendFactory, given: object): string {
  const options = Object.assign(new optionsClass(), { url: URLS[kind] }, given);
  return validateSync(options)
    .flatMap(({ constraints = {} }) => Object.values(constraints))
    .join('; ');
}

describe.each(KINDS)('the times of %s', (kind, factory) => {
  it('have one default', () => {
    expect(new factory.optionsClass()).toMatchObject({
      connectTimeoutMs: 4_000,
      commandTimeoutMs: 10_000,
      heartbeatMs: 5_000,
    });
    expect(problemsOf(kind, factory, {})).toBe('');
  });

  it.each(['connectTimeoutMs', 'commandTimeoutMs', 'heartbeatMs'])('hold %s within its bounds', (name) => {
    const problems = (value: unknown): string => problemsOf(kind, factory, { [name]: value });
    expect(problems(2_000)).toBe('');
    expect(problems(50)).toContain(`${name} must not be less than 1`);
    expect(problems(600_001)).toContain(`${name} must not be greater than 600000`);
    expect(problems('2s')).toContain(`${name} must be an integer number`);
    expect(problems(1_000.5)).toContain(`${name} must be an integer number`);
  });
});

it('RabbitMQ counts heartbeats in seconds', () => {
  expect(problemsOf('rabbitmq', rabbitmqBackend, { heartbeatMs: 500 })).toContain(
    'heartbeatMs must not be less than 1000',
  );
});
