import { cpuSecondsOfTree } from './process-tree.ts';
import type { Profiler } from './profiler.ts';

/** What one phase of one contender cost. */
export interface Measurement {
  readonly messages: number;
  readonly seconds: number;
  /** Of the whole process: user and system, with the collector's threads. */
  readonly cpuSeconds: number;
  /** Of the broker's processes, where there is a broker and the system tells. */
  readonly brokerCpuSeconds?: number;
  /** Microseconds per message, only of a latency phase; sorted. */
  readonly latencies?: readonly number[];
}

export interface Elsewhere {
  readonly latencies: readonly number[];
  readonly cpuSeconds: number;
}

/** Takes wall and CPU time between `start` and `stop`. */
export class Meter {
  readonly #brokerPid: number | undefined;
  readonly #profiler: Profiler | undefined;
  #startedAt = 0n;
  #cpu = process.cpuUsage();
  #brokerCpu: number | undefined;
  #result: Measurement | undefined;

  constructor(brokerPid?: number, profiler?: Profiler) {
    this.#brokerPid = brokerPid;
    this.#profiler = profiler;
  }

  start(): void {
    this.#profiler?.start();
    this.#brokerCpu = this.#brokerSeconds();
    this.#cpu = process.cpuUsage();
    this.#startedAt = process.hrtime.bigint();
  }

  /** `elsewhere`: what another process found out, and the CPU time it took for it. */
  stop(messages: number, elsewhere?: Elsewhere): void {
    const seconds = Number(process.hrtime.bigint() - this.#startedAt) / 1e9;
    const { user, system } = process.cpuUsage(this.#cpu);
    const cpuSeconds = (user + system) / 1e6 + (elsewhere?.cpuSeconds ?? 0);
    const counted = { messages, seconds, cpuSeconds, ...this.#ofBroker() };
    this.#profiler?.stop();
    this.#result = elsewhere === undefined ? counted : { ...counted, latencies: elsewhere.latencies };
  }

  /** Throws when the phase never came to its end. */
  result(): Measurement {
    if (this.#result === undefined) throw new Error('the phase ended without a measurement');
    return this.#result;
  }

  #ofBroker(): Pick<Measurement, 'brokerCpuSeconds'> {
    const now = this.#brokerSeconds();
    return now === undefined || this.#brokerCpu === undefined
      ? {}
      : { brokerCpuSeconds: now - this.#brokerCpu };
  }

  #brokerSeconds(): number | undefined {
    return this.#brokerPid === undefined ? undefined : cpuSecondsOfTree(this.#brokerPid);
  }
}
