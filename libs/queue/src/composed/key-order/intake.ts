import { sleep } from '../../ambient/clock.js';
import type { Receiver, Settlement } from '../../backend/backend.js';
import type { Delivery } from '../../message/delivery.js';
import type { ReignParts } from './reign.js';

export interface IntakeParts extends Pick<ReignParts, 'ambient' | 'batch' | 'report'> {
  readonly receiver: Receiver;
  /** How many messages are wanted now. */
  readonly wanted: () => number;
  readonly arrived: (deliveries: readonly Delivery[]) => void;
}

/** How long after an answer with nothing, or none at all, the broker is asked again. */
const AGAIN_MS = 5;
const AGAIN_AFTER_ERROR_MS = 1_000;

/** Asks the broker for messages while some are wanted. */
export class Intake {
  #asking: Promise<void> | undefined;
  #abort = new AbortController();
  readonly #stop = new AbortController();

  constructor(private readonly parts: IntakeParts) {}

  /** To be called whenever more or less is wanted. */
  turn(): void {
    const { wanted } = this.parts;
    if (wanted() <= 0) this.#abort.abort();
    else if (!this.#stop.signal.aborted) this.#asking ??= this.#ask().finally(() => this.#asked());
  }

  /** Resolves when the broker has answered. */
  async idle(): Promise<void> {
    await this.#asking;
  }

  /** Nothing arrives after it has resolved. */
  async stop(): Promise<void> {
    this.#stop.abort();
    this.#abort.abort();
    await this.#asking;
  }

  #asked(): void {
    this.#asking = undefined;
    this.turn(); // somebody may have come meanwhile
  }

  async #ask(): Promise<void> {
    const { receiver, wanted, arrived, batch, ambient, report } = this.parts;
    while (wanted() > 0 && !this.#stop.signal.aborted) {
      this.#abort = new AbortController();
      const { signal } = this.#abort;
      try {
        const deliveries = await receiver.receive(Math.min(wanted(), batch.receive), signal);
        if (deliveries.length > 0) arrived(deliveries);
        else if (!signal.aborted) await sleep(ambient.clock, AGAIN_MS, signal);
      } catch (error) {
        report('receive messages', error);
        await sleep(ambient.clock, AGAIN_AFTER_ERROR_MS, signal);
      }
    }
  }
}

/** In as many calls as the broker needs. */
export async function releaseAll(
  receiver: Receiver,
  deliveries: readonly Delivery[],
  most: number,
): Promise<boolean> {
  let isCertain = true;
  for (let at = 0; at < deliveries.length; at += most) {
    const acts = deliveries
      .slice(at, at + most)
      .map((delivery): Settlement => ({ kind: 'release', delivery }));
    try {
      const results = await receiver.settle(acts);
      if (results.some((result) => typeof result !== 'string')) isCertain = false;
    } catch {
      isCertain = false;
    }
  }
  return isCertain;
}
