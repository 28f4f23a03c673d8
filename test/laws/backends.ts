import type { ForeseenBackend } from '@pigeonpost/queue';
import type { BackendFixture } from '@pigeonpost/queue/testing';
import type { BrokerName } from '../brokers/broker-name.js';
import { whyMissing } from '../brokers/broker-url.js';
import { memory } from './memory.fixture.js';
import { postgres } from './postgres.fixture.js';
import { rabbitmq } from './rabbitmq.fixture.js';
import { redis } from './redis.fixture.js';
import { sqlite } from './sqlite.fixture.js';

/** A backend as the laws see it. */
export interface BackendUnderLaws {
  readonly fixture: BackendFixture;
  /** The broker without which no law can run. */
  readonly needs?: BrokerName;
  /** How many laws may run together. */
  readonly atOnce: number;
  /** What it tells, without any broker, somebody who sets no option: what the docs speak of. */
  readonly declared: ForeseenBackend;
}

/** Every backend of the library. */
export const BACKENDS: readonly BackendUnderLaws[] = [memory, sqlite, redis, postgres, rabbitmq];

/** Why the laws cannot run on a backend here: its broker is missing. Undefined: they can. */
export function whyNotHere({ needs }: BackendUnderLaws): string | undefined {
  const why = needs === undefined ? undefined : whyMissing(needs);
  return why === undefined ? undefined : `${needs} is missing: ${why}`;
}
