import { writeFileSync } from 'node:fs';
import { Session } from 'node:inspector';

/** Writes a CPU profile of what lies between `start` and `stop`: neither the start of the process nor its warm-up. */
export class Profiler {
  readonly #session = new Session();
  readonly #file: string;

  constructor(file: string) {
    this.#file = file;
    this.#session.connect();
    this.#session.post('Profiler.enable');
  }

  start(): void {
    this.#session.post('Profiler.start');
  }

  stop(): void {
    this.#session.post('Profiler.stop', (error, { profile }) => {
      if (error === null) writeFileSync(this.#file, JSON.stringify(profile));
    });
  }
}
