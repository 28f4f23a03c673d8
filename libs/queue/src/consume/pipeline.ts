import type { Outcome } from '../message/outcome.js';
import type { Handling } from '../interceptors/handling.js';
import type { Station } from '../interceptors/station.js';

/** What a delivery comes to when a station itself broke: given back uncounted, not before a pause. */
const OUR_FAULT: Outcome = Object.freeze({ kind: 'release', delayMs: 1_000 });

type Enter = NonNullable<Station['enter']>;
type Exit = NonNullable<Station['exit']>;

export type ReportFault = (station: string, error: unknown) => void;

/**
 * The stations of one subscription, outermost first. An outcome decided on the way in skips the handler; every
 * station that let the delivery pass sees the outcome on the way out. A station that throws is our fault and never
 * the message's: no attempt is counted, and work that the handler finished stays finished.
 */
export class Pipeline {
  /** The stations' own methods, taken once: looking them up per message costs more than most of them do. */
  readonly #enters: readonly (Enter | undefined)[];
  readonly #exits: readonly (Exit | undefined)[];

  constructor(
    private readonly stations: readonly Station[],
    private readonly report: ReportFault,
  ) {
    this.#enters = stations.map((station) => station.enter?.bind(station));
    this.#exits = stations.map((station) => station.exit?.bind(station));
  }

  /** The way in. undefined: the handler is next. */
  enter(handling: Handling): Outcome | undefined | Promise<Outcome | undefined> {
    const enters = this.#enters;
    try {
      while (handling.entered < enters.length) {
        const outcome = enters[handling.entered]?.(handling);
        if (outcome instanceof Promise) return this.#enterLater(handling, outcome);
        if (outcome !== undefined) return outcome;
        handling.entered++;
      }
      return undefined;
    } catch (error) {
      return this.#faultOnTheWayIn(handling, error);
    }
  }

  async #enterLater(handling: Handling, pending: Promise<Outcome | undefined>): Promise<Outcome | undefined> {
    try {
      const outcome = await pending;
      if (outcome !== undefined) return outcome;
    } catch (error) {
      return this.#faultOnTheWayIn(handling, error);
    }
    handling.entered++;
    return this.enter(handling);
  }

  /** The way out, innermost first, through the stations that were passed. */
  exit(handling: Handling, decided: Outcome): Outcome | Promise<Outcome> {
    let outcome = decided;
    while (handling.entered > 0) {
      const at = --handling.entered;
      try {
        const after = this.#exits[at]?.(handling, outcome) ?? outcome;
        if (after instanceof Promise) return this.#exitLater(handling, at, outcome, after);
        outcome = after;
      } catch (error) {
        outcome = this.#faultOnTheWayOut(at, outcome, error);
      }
    }
    return outcome;
  }

  async #exitLater(
    handling: Handling,
    at: number,
    before: Outcome,
    pending: Promise<Outcome>,
  ): Promise<Outcome> {
    let after: Outcome;
    try {
      after = await pending;
    } catch (error) {
      after = this.#faultOnTheWayOut(at, before, error);
    }
    return this.exit(handling, after);
  }

  #faultOnTheWayIn(handling: Handling, error: unknown): Outcome {
    this.report((this.stations[handling.entered] as Station).name, error);
    return OUR_FAULT;
  }

  #faultOnTheWayOut(at: number, outcome: Outcome, error: unknown): Outcome {
    this.report((this.stations[at] as Station).name, error);
    return outcome.kind === 'failed' ? OUR_FAULT : outcome;
  }
}
