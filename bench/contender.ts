import type { Meter } from './meter.ts';

/** `bulk` publishes 500 at once and waits for all of them, again and again. */
export type Phase = 'publish' | 'bulk' | 'consume' | 'publish+handle' | 'latency' | 'dispatch';

/** What stands around the method of a handler. */
export type HandlerShape = 'bare' | 'guard + pipe' | 'guard + pipe + interceptor';

/** What one measurement does. The same for every contender of a cell. */
export interface Workload {
  readonly bytes: number;
  /** Publishes in flight, and handlers at once. */
  readonly concurrency: number;
  /** Counted by the meter. */
  readonly messages: number;
  /** Handled before the meter starts, so that the compiler has seen the code. */
  readonly warmup: number;
  readonly payload: 'text' | 'object';
  /** Only for dispatch. */
  readonly handler?: HandlerShape | undefined;
  /** An empty directory on disk, removed afterwards. */
  readonly directory: string;
  readonly broker: BrokerPlace | undefined;
}

/** An empty place on a running broker, cleared afterwards. */
export interface BrokerPlace {
  readonly url: string;
  /** For names of queues and keys: no other measurement has it. */
  readonly name: string;
  /** The broker's first process, whose CPU time counts, with that of all below it. */
  readonly pid: number;
}

export type Measure = (load: Workload, meter: Meter) => Promise<void>;

/** One library, or one bare loop, that does the work of a cell. */
export interface Contender {
  readonly phases: Partial<Readonly<Record<Phase, Measure>>>;
}

/** Where a contender of a broker finds it. */
export function brokerOf({ broker }: Workload): BrokerPlace {
  if (broker === undefined) throw new Error('this contender needs a broker');
  return broker;
}

/** A contender that cannot run here: named in the output with this reason. */
export class MissingContenderError extends Error {}

/** Loads a package that only the bench needs. */
export async function loadPeer<T>(name: string): Promise<T> {
  try {
    return (await import(name)) as T;
  } catch (error) {
    throw new MissingContenderError(`${name} cannot be loaded: ${(error as Error).message}`);
  }
}
