import type { Ambient } from '../ambient/ambient.js';
import { sleep } from '../ambient/clock.js';
import type { Receiver } from '../backend/backend.js';
import type { Delivery } from '../message/delivery.js';
import { exponential } from '../policies/backoff.js';

const RECONNECT = exponential('100ms', { cap: '10s' });

export interface IntakeParts {
  readonly receiver: Receiver;
  readonly ambient: Ambient;
  readonly fault: (error: unknown) => void;
}

/** Asks the broker until it answers. */
export class Intake {
  #abort = new AbortController();

  constructor(private readonly parts: IntakeParts) {}

  /** What the broker brings; [] also when it was cut. `asking` is called before each call. Never rejects. */
  async receive(max: number, asking: () => void): Promise<readonly Delivery[]> {
    const { receiver, ambient, fault } = this.parts;
    const { signal } = this.#abort;
    for (let failures = 1; ; failures++) {
      asking();
      try {
        return await receiver.receive(max, signal);
      } catch (error) {
        if (signal.aborted) return [];
        if (failures === 1) fault(error);
        await sleep(ambient.clock, RECONNECT(failures, ambient.random.next()), signal);
        if (signal.aborted) return [];
      }
    }
  }

  /** The receive under way brings nothing more, so that it does not take what is given back. */
  cut(): void {
    this.#abort.abort();
    this.#abort = new AbortController();
  }
}
