import type { BrokerName } from '../../brokers/broker-name.js';
import type { ScenarioBackend } from '../scenario-backend.js';

/** A backend whose broker can be killed, paused and cut off. */
export interface FaultSubject {
  readonly driver: BrokerName & ScenarioBackend['driver'];
  /** Its option that keeps the messages of one test apart from those of others. */
  readonly apart: 'prefix' | 'schema';
  /** Whether a settlement that was told `ok` is known to the broker, or only on its way there. */
  readonly settled: 'for sure' | 'on its way';
  /** As short as it takes. */
  readonly heartbeatMs: number;
}

export const CONNECT_TIMEOUT_MS = 2_000;
export const COMMAND_TIMEOUT_MS = 3_000;
/** A publish may wait for the call before it, and then has its own deadline. */
export const ANSWERED_WITHIN_MS = 2 * COMMAND_TIMEOUT_MS;
export const LEASE_MS = 2_000;
/** After a broker came back, or a network. */
export const BACK_WITHIN_MS = 10_000;
/** What is on its way is there after this, unless the connection was lost. */
export const ON_ITS_WAY_MS = 500;
/** After a worker died, beyond its lease. */
export const CRASH_SEEN_WITHIN_MS = 5_000;
/** Machines that run tests do other things too: what is promised within a time may be seen so much later. */
export const SLACK_MS = 2_000;

/** How a process of a test reaches the broker. */
export function reach(
  { driver, apart, heartbeatMs }: FaultSubject,
  url: string,
  name: string,
): ScenarioBackend {
  const times = {
    connectTimeoutMs: CONNECT_TIMEOUT_MS,
    commandTimeoutMs: COMMAND_TIMEOUT_MS,
    heartbeatMs,
  };
  return { driver, options: { url, [apart]: name, ...times } };
}
