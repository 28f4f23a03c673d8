import { BROKERS, type BrokerName, BrokerMissingError, missingVariable, urlVariable } from './broker-name.js';
import { BrokerProcess, KINDS } from './broker-process.js';
import { findPrograms } from './programs.js';
import { NONE } from './run-mode.js';

/** Read by the reporter, for the end of the run. */
export const REPORT_VARIABLE = 'PIGEONPOST_BROKERS_REPORT';

const started: BrokerProcess[] = [];

/**
 * Starts each broker that nobody gave an address for, once for the whole run; its workers find them in the environment.
 * One that is not installed is noted there as missing. Rejects when a broker that was given, or started, does not answer.
 */
export async function startBrokers(names: readonly BrokerName[] = BROKERS): Promise<void> {
  const found = await Promise.allSettled(names.map(provide));
  const broken = found.find((each) => each.status === 'rejected');
  if (broken !== undefined) {
    await stopBrokers();
    throw broken.reason;
  }
  process.env[REPORT_VARIABLE] = found
    .map((each) => (each.status === 'fulfilled' ? each.value : ''))
    .join(', ');
}

export async function stopBrokers(): Promise<void> {
  await Promise.all(started.splice(0).map((broker) => broker.dispose()));
}

/** Gives what there is to say of it. */
async function provide(name: BrokerName): Promise<string> {
  const given = process.env[urlVariable(name)];
  const missing = await whyNotStartable(name);
  if (missing !== undefined) process.env[missingVariable(name)] = missing.why;
  if (given !== undefined) {
    const own = missing === undefined ? '' : ` (and none to kill: ${missing.why})`;
    return `${name} ${await versionAt(name, given)} of ${urlVariable(name)}${own}`;
  }
  if (missing !== undefined) return missing.message;
  const broker = await BrokerProcess.start(name);
  started.push(broker);
  process.env[urlVariable(name)] = broker.url;
  return `${name} ${await broker.version()}`;
}

async function whyNotStartable(name: BrokerName): Promise<BrokerMissingError | undefined> {
  if (process.env['PIGEONPOST_BROKERS'] === NONE)
    return new BrokerMissingError(name, 'PIGEONPOST_BROKERS=none');
  try {
    await findPrograms(KINDS[name]);
    return undefined;
  } catch (error) {
    if (error instanceof BrokerMissingError) return error;
    throw error;
  }
}

async function versionAt(name: BrokerName, url: string): Promise<string> {
  try {
    return await KINDS[name].version(url);
  } catch (error) {
    const why = (error as NodeJS.ErrnoException).code ?? 'no answer';
    throw new Error(`nothing can be used at ${urlVariable(name)}: ${why}`, { cause: error });
  }
}
