import type { Ambient } from '../ambient/ambient.js';
import { sleep } from '../ambient/clock.js';
import { reconnectDelayMs } from '../backend/reconnect-delay.js';

export interface LateStartsParts {
  readonly ambient: Ambient;
  /** Everything that the start of the application could not do for this backend. Rejects when it still cannot. */
  readonly bringUp: (backend: string) => Promise<void>;
  readonly failed: (backend: string, error: unknown) => void;
}

/** Backends that were not there when the application started, and are tried until they are. */
export class LateStarts {
  readonly #parts: LateStartsParts;
  readonly #stop = new AbortController();
  readonly #tried = new Set<string>();

  constructor(parts: LateStartsParts) {
    this.#parts = parts;
  }

  get stopped(): boolean {
    return this.#stop.signal.aborted;
  }

  /** Tries until it works or `stop` is called; once for a name, however often it is asked for. */
  begin(backend: string): void {
    if (this.#tried.has(backend)) return;
    this.#tried.add(backend);
    void this.#try(backend).finally(() => this.#tried.delete(backend));
  }

  /** Nothing is begun any more; what is under way ends by itself. */
  stop(): void {
    this.#stop.abort();
  }

  async #try(backend: string): Promise<void> {
    const { ambient, bringUp, failed } = this.#parts;
    const { signal } = this.#stop;
    for (let attempt = 1; ; attempt++) {
      await sleep(ambient.clock, reconnectDelayMs(attempt, ambient.random), signal);
      if (signal.aborted) return;
      try {
        return await bringUp(backend);
      } catch (error) {
        if (!signal.aborted) failed(backend, error);
      }
    }
  }
}
