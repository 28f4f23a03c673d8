import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Ambient, OpenedBackend } from '@pigeonpost/queue';
import { sqliteBackend } from '@pigeonpost/queue/sqlite';
import { simulate, type SimulationReport, type SimulationRequest } from '@pigeonpost/queue/testing';

export const BROKERS = ['memory', 'sqlite'] as const;
/** What stands in the middle of a simulation. */
export type BrokerName = (typeof BROKERS)[number];

export function isBroker(name: string): name is BrokerName {
  return BROKERS.includes(name as BrokerName);
}

/** A simulation around a broker of its own, which is gone afterwards. */
export function simulateOn(broker: BrokerName, request: SimulationRequest): Promise<SimulationReport> {
  return broker === 'memory' ? simulate(request) : simulateOnSqlite(request);
}

async function simulateOnSqlite(request: SimulationRequest): Promise<SimulationReport> {
  const folder = await mkdtemp(join(tmpdir(), 'pigeonpost-simulation-'));
  let opened: OpenedBackend | undefined;
  const open = async (ambient: Ambient): Promise<OpenedBackend> =>
    (opened = await sqliteBackend.open('simulated', { file: join(folder, 'simulated.db') }, ambient));
  try {
    return await simulate({ ...request, open });
  } finally {
    await opened?.backend.close(new Date(0));
    await opened?.store?.close();
    await rm(folder, { recursive: true });
  }
}
