import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Ambient, systemAmbient } from '../../ambient/ambient.js';
import type { CancelTimer, Clock } from '../../ambient/clock.js';
import { systemClock } from '../../ambient/system-clock.js';
import type { Backend, OpenedBackend, Receiver, SettleResult, Settlement } from '../../backend/backend.js';
import type { Inspected, InspectQuery } from '../../backend/inspect.js';
import type { Delivery } from '../../message/delivery.js';
import type { FailureRecord } from '../../message/failure-record.js';
import { NO_HEADERS } from '../../message/headers.js';
import type { Outgoing } from '../../message/outgoing.js';
import { sqliteBackend } from './sqlite.backend.js';
import type { SqliteOptions } from './sqlite.options.js';

/** What the specs of this folder share; not part of the package. */
export class SqliteFixture {
  readonly directory = mkdtempSync(join(tmpdir(), 'pigeonpost-sqlite-'));
  readonly file = join(this.directory, 'queue.db');
  readonly clock = new ShiftedClock();
  readonly ambient: Ambient = { ...systemAmbient, clock: this.clock };
  readonly #opened: Backend[] = [];

  async open(options: Partial<SqliteOptions> = {}): Promise<Required<OpenedBackend>> {
    const opened = await sqliteBackend.open('main', { file: this.file, ...options }, this.ambient);
    this.#opened.push(opened.backend);
    return opened as Required<OpenedBackend>;
  }

  /** A backend whose one subscription `work` listens to the topic `orders`. */
  async openReady(options: Partial<SqliteOptions> = {}): Promise<Backend> {
    const { backend } = await this.open(options);
    await backend.ensure({ subscriptions: [WORK] }, 'create');
    return backend;
  }

  async close(): Promise<void> {
    const deadline = new Date(this.clock.now() + 1_000);
    await Promise.all(this.#opened.map((backend) => backend.close(deadline)));
    rmSync(this.directory, { recursive: true, force: true });
  }
}

/** Real time, whose wall clock a test may set forward: a lease runs out at once, and nobody waits. */
export class ShiftedClock implements Clock {
  aheadMs = 0;
  /** Monotonic time, while it stands still. */
  stoppedAt = Number.NaN;

  now(): number {
    return systemClock.now() + this.aheadMs;
  }

  mono(): number {
    return Number.isNaN(this.stoppedAt) ? systemClock.mono() : this.stoppedAt;
  }

  timer(delayMs: number, fn: () => void): CancelTimer {
    return systemClock.timer(delayMs, fn);
  }
}

export const WORK = { name: 'work', topics: ['orders'] } as const;

export function message(id: string, given: Partial<Outgoing> = {}): Outgoing {
  return {
    topic: 'orders',
    to: undefined,
    id,
    key: undefined,
    body: `{"order":"${id}"}`,
    headers: NO_HEADERS,
    delayMs: undefined,
    ttlMs: undefined,
    event: undefined,
    ...given,
  };
}

export function failure(attempt: number): FailureRecord {
  const error = { name: 'Error', message: `attempt ${attempt}` };
  return {
    attempt,
    at: 1_000 + attempt,
    reason: 'handler_error',
    error,
    handler: 'Orders.onOrder',
    host: 'here:1',
  };
}

export const work = (backend: Backend, leaseMs = 60_000): Promise<Receiver> =>
  backend.open({ ...WORK, leaseMs });

/** Waits for as many deliveries as named, and fails by the runner's time limit. */
export async function take(receiver: Receiver, count: number): Promise<Delivery[]> {
  const taken: Delivery[] = [];
  while (taken.length < count) taken.push(...(await receiver.receive(count - taken.length, NEVER)));
  return taken;
}

export async function takeOne(receiver: Receiver): Promise<Delivery> {
  const [delivery] = await take(receiver, 1);
  return delivery as Delivery;
}

/** What is ready now, without waiting for more. */
export async function takeNow(receiver: Receiver): Promise<readonly Delivery[]> {
  const stop = new AbortController();
  const received = receiver.receive(1_000, stop.signal);
  // The claim has run when a turn of the event loop is over; whoever is still waiting found nothing.
  const cancel = systemClock.timer(30, () => stop.abort());
  return received.finally(cancel);
}

export async function settle(receiver: Receiver, act: Settlement): Promise<SettleResult | undefined> {
  const [result] = await receiver.settle([act]);
  return result;
}

export async function inspect(backend: Backend, query: InspectQuery): Promise<Inspected[]> {
  const found: Inspected[] = [];
  for await (const one of backend.inspect(query)) found.push(one);
  return found;
}

/** One turn of the event loop, in which the writer does what it was given. */
export function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

export const NEVER: AbortSignal = new AbortController().signal;
