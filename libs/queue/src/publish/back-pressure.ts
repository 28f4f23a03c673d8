import type { Clock } from '../ambient/clock.js';
import type { PublishResult } from '../backend/backend.js';
import {
  BackendClosedError,
  BackendUnavailableError,
  SubscriptionFullError,
} from '../backend/backend.errors.js';
import type { Outgoing } from '../message/outgoing.js';
import { BlockedLine } from './blocked-line.js';
import { PacedLine } from './paced-line.js';

export interface BackPressureOptions {
  /** Of the backend, for errors. */
  readonly name: string;
  readonly clock: Clock;
  /** Messages that may wait here; more are refused at once. */
  readonly maxWaiting: number;
  /** One publish as the backend answers it. Never rejects. */
  readonly send: (message: Outgoing) => Promise<PublishResult>;
}

/** Publishers to one topic that wait, in the order they came. */
export interface Line {
  /** Resolves with what becomes of the message in the end. */
  join(message: Outgoing): Promise<PublishResult>;
  /** Nobody waits, and nothing is left to wait for. */
  readonly isOver: boolean;
  /** Refuses all who wait. */
  close(refusal: () => PublishResult): void;
}

/**
 * What a full subscription means for the publishers of this process: some wait for room, some go on more slowly. A
 * topic without either is not known here, and costs its publishers nothing.
 */
export class BackPressure {
  readonly #lines = new Map<string, Line>();
  #waiting = 0;
  #isClosed = false;

  constructor(private readonly options: BackPressureOptions) {}

  /** Whether a message of this topic has to go through here. */
  concerns(topic: string): boolean {
    return this.#lines.size > 0 && this.#lines.has(topic);
  }

  /** To be called when `concerns` says yes. */
  send(message: Outgoing): Promise<PublishResult> {
    const line = this.#lines.get(message.topic);
    return line === undefined ? this.options.send(message) : this.#join(line, message);
  }

  /** Looks at every answer: what it returns is what becomes of the message in the end. */
  answered(message: Outgoing, result: PublishResult): PublishResult | Promise<PublishResult> {
    const { topic } = message;
    if (result.status === 'stored') {
      const perSecond = result.pressure?.perSecond;
      if (perSecond !== undefined) this.#open(topic, () => new PacedLine(this.options, perSecond));
      return result;
    }
    const { error } = result;
    if (!(error instanceof SubscriptionFullError) || error.blockMs === undefined) return result;
    return this.#join(
      this.#open(topic, () => new BlockedLine(this.options, error)),
      message,
    );
  }

  /** Whoever waits is refused as closed, and so is whoever would have to wait from now on. */
  close(): void {
    this.#isClosed = true;
    for (const line of this.#lines.values()) line.close(() => this.#refusal());
    this.#lines.clear();
  }

  #open(topic: string, make: () => Line): Line {
    const known = this.#lines.get(topic);
    if (known !== undefined) return known;
    const line = make();
    if (!this.#isClosed) this.#lines.set(topic, line);
    return line;
  }

  async #join(line: Line, message: Outgoing): Promise<PublishResult> {
    if (this.#isClosed) return this.#refusal();
    if (this.#waiting >= this.options.maxWaiting) return this.#crowded();
    this.#waiting++;
    try {
      return await line.join(message);
    } finally {
      this.#waiting--;
      if (line.isOver && this.#lines.get(message.topic) === line) this.#lines.delete(message.topic);
    }
  }

  #refusal(): PublishResult {
    return { status: 'refused', error: new BackendClosedError(this.options.name, 'publish') };
  }

  #crowded(): PublishResult {
    const { name, maxWaiting } = this.options;
    const why = `${maxWaiting} messages are waiting already`;
    return { status: 'refused', error: new BackendUnavailableError(name, 'publish', why) };
  }
}
