import type { Retention } from '../../backend/retention.js';
import type { Outgoing } from '../../message/outgoing.js';
import type { Stamp } from './memory.copy.js';

/** A message as it was published, for subscriptions that come later. */
export interface Retained {
  readonly message: Outgoing;
  readonly stamp: Stamp;
}

/** How many entries that nobody needs may stand before the others until they are cut off. */
const SLACK = 1_024;

/** What one topic retains, oldest first. */
export class MemoryLog {
  #entries: Retained[] = [];
  #first = 0;

  constructor(public retention: Retention) {}

  keep(message: Outgoing, stamp: Stamp): void {
    this.#entries.push({ message, stamp });
    this.#sweep(stamp.monoMs);
  }

  /** What a subscription that starts now gets. */
  live(monoMs: number): readonly Retained[] {
    this.#sweep(monoMs);
    return this.#entries.slice(this.#first).filter(({ message: { ttlMs }, stamp }) => {
      return ttlMs === undefined || stamp.monoMs + ttlMs > monoMs;
    });
  }

  /** Removes, and answers with, those of this id that are not yet due. */
  cancel(id: string, monoMs: number): readonly Retained[] {
    const isCancelled = ({ message, stamp }: Retained): boolean =>
      message.id === id && stamp.monoMs + (message.delayMs ?? 0) > monoMs;
    const kept = this.#entries.slice(this.#first);
    const cancelled = kept.filter(isCancelled);
    if (cancelled.length > 0) {
      this.#entries = kept.filter((entry) => !isCancelled(entry));
      this.#first = 0;
    }
    return cancelled;
  }

  #sweep(monoMs: number): void {
    const { forMs, maxMessages = Infinity } = this.retention;
    while (this.#first < this.#entries.length) {
      const { stamp } = this.#entries[this.#first] as Retained;
      if (stamp.monoMs + forMs > monoMs && this.#entries.length - this.#first <= maxMessages) break;
      this.#first++;
    }
    if (this.#first < SLACK) return;
    this.#entries = this.#entries.slice(this.#first);
    this.#first = 0;
  }
}
