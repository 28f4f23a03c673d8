/** The brokers that tests run on. */
export const BROKERS = ['postgres', 'redis', 'rabbitmq'] as const;
export type BrokerName = (typeof BROKERS)[number];

/** The environment variable with the address of a broker. Whoever sets it uses a broker of his own. */
export function urlVariable(name: BrokerName): string {
  return `PIGEONPOST_${name.toUpperCase()}_URL`;
}

/** The environment variable that tells the workers of a test run why no such broker can be started here. */
export function missingVariable(name: BrokerName): string {
  return `PIGEONPOST_${name.toUpperCase()}_MISSING`;
}

/** There is no such broker here, and what to do about it. */
export class BrokerMissingError extends Error {
  override readonly name = 'BrokerMissingError';

  constructor(
    readonly broker: BrokerName,
    readonly why: string,
  ) {
    super(`${broker} is missing: ${why}`);
  }
}
