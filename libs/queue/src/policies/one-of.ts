import { quote } from '../message/names.js';
import { InvalidPolicyError } from './invalid-policy.error.js';

/** `given`, when it is one of `choices`. `where` names the handler and the option. Throws InvalidPolicyError. */
export function oneOf<Choice extends string>(
  where: string,
  given: unknown,
  choices: readonly Choice[],
): Choice {
  const found = choices.find((choice) => choice === given);
  if (found !== undefined) return found;
  throw new InvalidPolicyError(`${where} is ${quote(given)}, it must be one of ${choices.join(', ')}`);
}
