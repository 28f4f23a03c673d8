import type { Random } from '../../ambient/random.js';
import { BackendUnavailableError } from '../../backend/backend.errors.js';
import type { SimulationScheduler } from './scheduler.js';

/** Chances from 0 to 1 that something happens to one call; all 0 is a perfect wire. */
export interface WireFaults {
  /** It never arrives. */
  readonly loseRequest: number;
  /** It is done, and the caller never hears of it. */
  readonly loseAnswer: number;
  /** It arrives twice. */
  readonly duplicate: number;
  /** It takes long on its way, so that later ones overtake it. */
  readonly slow: number;
}

export const NO_FAULTS: WireFaults = Object.freeze({ loseRequest: 0, loseAnswer: 0, duplicate: 0, slow: 0 });

export interface WireOptions {
  readonly scheduler: SimulationScheduler;
  /** The process at this end: its answers wait while it is frozen and vanish when it is killed. */
  readonly owner: string;
  readonly random: Random;
  /** Asked at each call, so that faults can end. */
  readonly faults: () => WireFaults;
  /** Hears of each fault as it happens. */
  readonly note: (fault: string) => void;
}

/** Owner of what happens at the broker's end: it is never frozen and never dies. */
export const BROKER = 'broker';
/** How long a call waits for its answer. */
export const ANSWER_MS = 250;
const USUAL_MS = 8;
const SLOW_MS = 150;

/** The network between one process and the broker. A call without an answer fails after its patience, as over TCP. */
export class Wire {
  /** Nothing passes in either direction. */
  isCut = false;

  constructor(private readonly options: WireOptions) {}

  /** Does `work` at the broker. Rejects with BackendUnavailableError when no answer comes: it may have been done. */
  call<T>(verb: string, work: () => Promise<T>, patienceMs = ANSWER_MS): Promise<T> {
    return this.#send(verb, work, { patienceMs, isRepeatable: false });
  }

  /** The same for a call that a client library, or the network, may send twice. */
  repeatableCall<T>(verb: string, work: () => Promise<T>): Promise<T> {
    return this.#send(verb, work, { patienceMs: ANSWER_MS, isRepeatable: true });
  }

  /** A message to the broker without an answer. */
  tell(verb: string, work: () => void): void {
    if (!this.#isLost(`request of ${verb}`, this.options.faults().loseRequest)) this.#arrive(BROKER, work);
  }

  /** What a caller gets that gave up. */
  noAnswer(verb: string): BackendUnavailableError {
    return new BackendUnavailableError('simulated', verb, 'no answer came');
  }

  #send<T>(
    verb: string,
    work: () => Promise<T>,
    { patienceMs, isRepeatable }: { readonly patienceMs: number; readonly isRepeatable: boolean },
  ): Promise<T> {
    const { scheduler, owner, faults } = this.options;
    return new Promise((resolve, reject) => {
      const giveUp = scheduler.after(owner, patienceMs, () => reject(this.noAnswer(verb)));
      const answer = (say: () => void): void => {
        if (this.#isLost(`answer of ${verb}`, faults().loseAnswer)) return;
        this.#arrive(owner, () => (giveUp(), say()));
      };
      const request = (): void => {
        work().then(
          (value) => answer(() => resolve(value)),
          (error: unknown) => answer(() => reject(error)),
        );
      };
      this.tell(verb, request);
      if (isRepeatable && this.#strikes(faults().duplicate)) {
        this.options.note(`${verb} is sent twice`);
        this.tell(verb, request);
      }
    });
  }

  #isLost(what: string, chance: number): boolean {
    const isLost = this.isCut || this.#strikes(chance);
    if (isLost) this.options.note(`${what} is lost`);
    return isLost;
  }

  #arrive(at: string, run: () => void): void {
    const { random, faults, scheduler } = this.options;
    const longestMs = this.#strikes(faults().slow) ? SLOW_MS : USUAL_MS;
    scheduler.after(at, 1 + Math.floor(random.next() * longestMs), run);
  }

  #strikes(chance: number): boolean {
    return chance > 0 && this.options.random.next() < chance;
  }
}
