import { type BrokerName, BrokerMissingError, missingVariable, urlVariable } from './broker-name.js';
import { REQUIRED } from './run-mode.js';

/** The address of a broker that all tests of this run share: use names of your own on it. Throws BrokerMissingError. */
export function brokerUrl(name: BrokerName): string {
  const url = process.env[urlVariable(name)];
  if (url === undefined)
    throw new BrokerMissingError(name, whyMissing(name) ?? 'this test project starts no brokers');
  return url;
}

/** Why there is no such broker in this run; undefined: there is one. */
export function whyMissing(name: BrokerName): string | undefined {
  return process.env[urlVariable(name)] === undefined
    ? (process.env[missingVariable(name)] ?? `${urlVariable(name)} is not set`)
    : undefined;
}

/** `describe` for tests that need a broker. Without it one test stands for them, and says so; with PIGEONPOST_BROKERS=required it fails. */
export function describeWith(name: BrokerName, title: string, tests: () => void): void {
  describeUnless(whyMissing(name), { name, title, tests });
}

/** The same for tests that start brokers of their own, to do to them what nobody may do to the one that all share. */
export function describeWithOwn(name: BrokerName, title: string, tests: () => void): void {
  describeUnless(process.env[missingVariable(name)], { name, title, tests });
}

interface Tests {
  readonly name: BrokerName;
  readonly title: string;
  readonly tests: () => void;
}

function describeUnless(why: string | undefined, { name, title, tests }: Tests): void {
  if (why === undefined) describe(title, tests);
  else describe(title, () => it(`was not run: ${name} is missing: ${why}`, () => expectOptional(name, why)));
}

function expectOptional(name: BrokerName, why: string): void {
  if (process.env['PIGEONPOST_BROKERS'] === REQUIRED) throw new BrokerMissingError(name, why);
}
