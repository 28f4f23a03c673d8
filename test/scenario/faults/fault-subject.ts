import type { BrokerName } from '../../brokers/broker-name.js';
import type { ScenarioBackend } from '../scenario-backend.js';

/** A backend whose broker can be killed, paused and cut off. */
export interface FaultSubject {
  readonly driver: BrokerName & ScenarioBackend['driver'];
  /** Its option that keeps the messages of one test apart from those of others. */
  readonly apart: 'prefix' | 'schema';
}

export const HEARTBEAT_MS = 1_000;
export const CONNECT_TIMEOUT_MS = 2_000;
export const COMMAND_TIMEOUT_MS = 3_000;
export const LEASE_MS = 2_000;
/** After a broker came back, or a network. */
export const BACK_WITHIN_MS = 10_000;
/** After a worker died, beyond its lease. */
export const CRASH_SEEN_WITHIN_MS = 5_000;
/** Machines that run tests do other things too: what is promised within a time may be seen so much later. */
export const SLACK_MS = 2_000;

/** How a process of a test reaches the broker. */
export function reach({ driver, apart }: FaultSubject, url: string, name: string): ScenarioBackend {
  const times = {
    connectTimeoutMs: CONNECT_TIMEOUT_MS,
    commandTimeoutMs: COMMAND_TIMEOUT_MS,
    heartbeatMs: HEARTBEAT_MS,
  };
  return { driver, options: { url, [apart]: name, ...times } };
}
