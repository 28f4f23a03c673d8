import { failed, type Outcome } from '../message/outcome.js';
import type { Handling } from './handling.js';
import type { Station } from './station.js';

/** Checks the payload before anything acts on it. A payload that is wrong stays wrong: dead at once, with the issues. */
export class ValidateStation implements Station {
  readonly name = 'validate';

  constructor(private readonly validate: (data: unknown) => unknown) {}

  enter(handling: Handling): Outcome | undefined | Promise<Outcome | undefined> {
    try {
      const answer = this.validate(handling.data);
      if (answer instanceof Promise) return this.#later(handling, answer);
      handling.data = answer;
      return undefined;
    } catch (error) {
      return failed(error, 'invalid_payload', true);
    }
  }

  async #later(handling: Handling, answer: Promise<unknown>): Promise<Outcome | undefined> {
    try {
      handling.data = await answer;
      return undefined;
    } catch (error) {
      return failed(error, 'invalid_payload', true);
    }
  }
}
