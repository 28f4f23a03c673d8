import { createHash } from 'node:crypto';
import type { Delivery } from '../../message/delivery.js';
import type { SimulationScheduler } from './scheduler.js';

/** What the processes of a simulation did and were told, in the order it happened. Times are virtual ms. */
export type Testimony =
  | {
      readonly kind: 'asked';
      readonly at: number;
      readonly process: string;
      readonly id: string;
    }
  | {
      /** What the application was told about its publish. */
      readonly kind: 'told';
      readonly at: number;
      readonly process: string;
      readonly id: string;
      readonly outcome: 'stored' | 'refused' | 'unknown';
    }
  | {
      readonly kind: 'started' | 'ended';
      readonly at: number;
      /** The consumer, as `process/subscription/number`. */
      readonly consumer: string;
      readonly delivery: Delivery;
      /** Of an end: how the handler ended. Of a start: what it is about to do. */
      readonly how: string;
      /** Handlers of this consumer that run, this one included. */
      readonly running: number;
      readonly allowed: number;
    }
  /** The store has a note that a key was handled. */
  | { readonly kind: 'noted'; readonly at: number; readonly storeKey: string }
  | { readonly kind: 'drained'; readonly at: number; readonly consumer: string; readonly tookMs: number }
  /** A command, a fault, or something that only a reader wants to know. */
  | { readonly kind: 'note'; readonly at: number; readonly text: string };

type Unstamped<T> = T extends Testimony ? Omit<T, 'at'> : never;

/** Writes a simulation down. */
export class Witness {
  readonly testimonies: Testimony[] = [];

  constructor(private readonly scheduler: SimulationScheduler) {}

  says(testimony: Unstamped<Testimony>): void {
    this.testimonies.push({ ...testimony, at: this.scheduler.nowMs } as Testimony);
  }

  note(text: string): void {
    this.says({ kind: 'note', text });
  }

  /** The same for two simulations that went the same way. */
  hash(): string {
    const hash = createHash('sha256');
    for (const testimony of this.testimonies) hash.update(`${lineOf(testimony)}\n`);
    return hash.digest('hex').slice(0, 16);
  }
}

/** One testimony for people, and for the hash. */
export function lineOf(testimony: Testimony): string {
  const { at, kind } = testimony;
  switch (testimony.kind) {
    case 'asked':
      return `${at} ${testimony.process} publishes ${testimony.id}`;
    case 'told':
      return `${at} ${testimony.process} hears that ${testimony.id} is ${testimony.outcome}`;
    case 'started':
    case 'ended': {
      const { consumer, delivery, how } = testimony;
      const { id, attempt, crashes } = delivery;
      return `${at} ${consumer} ${kind} ${id} (attempt ${attempt}, crashes ${crashes}): ${how}`;
    }
    case 'noted':
      return `${at} noted as handled: ${testimony.storeKey}`;
    case 'drained':
      return `${at} ${testimony.consumer} is drained after ${testimony.tookMs} ms`;
    case 'note':
      return `${at} ${testimony.text}`;
  }
}
