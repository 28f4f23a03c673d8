import type { CancelTimer, Clock } from '../../ambient/clock.js';

export interface HandshakeSetup {
  readonly clock: Clock;
  readonly connectTimeoutMs: number;
  /** What the server says of itself. It says so while it loads its data, when it answers nothing else. */
  readonly ask: () => Promise<string>;
  /** The server loads its data, which takes as long as it takes. */
  readonly loading: () => void;
  /** It is not ready in time. */
  readonly late: () => void;
}

/** What comes before a connection can be used. A server that takes it and then says nothing must not hold us up for ever. */
export class Handshake {
  readonly #setup: HandshakeSetup;
  #cancel: CancelTimer | undefined;

  constructor(setup: HandshakeSetup) {
    this.#setup = setup;
  }

  begin(): void {
    this.end();
    const { clock, connectTimeoutMs, late } = this.#setup;
    this.#cancel = clock.timer(connectTimeoutMs, late);
  }

  /** There is a connection, and nobody knows yet what is at its end. */
  connected(): void {
    this.begin();
    const { ask, loading } = this.#setup;
    ask().then(
      (info) => void (/^loading:1/m.test(info) && loading()),
      () => undefined, // the driver has the same answer
    );
  }

  end(): void {
    this.#cancel?.();
    this.#cancel = undefined;
  }
}
