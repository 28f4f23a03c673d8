// Runs the brokers that tests use: npm run brokers -- --help
import { once } from 'node:events';
import { BROKERS, type BrokerName, BrokerMissingError, urlVariable } from './broker-name.js';
import { BrokerProcess } from './broker-process.js';
import { install } from './install.js';

const HELP = `npm run brokers -- [install] [${BROKERS.join('] [')}]

Starts brokers (all, or those that are named) on free loopback ports, with their data in a temporary folder, prints what
to export for tests to use them, and runs until Ctrl-C. Nothing of them is left then. Tests need none of this: a run
starts what it needs.

  install   installs what is missing by apt-get (Debian, Ubuntu; as root), and starts nothing
  --help
`;

function isBroker(word: string): word is BrokerName {
  return BROKERS.some((name) => name === word);
}

const words = process.argv.slice(2);
const names = words.filter(isBroker);
const wanted = names.length > 0 ? names : BROKERS;
const others = words.filter((word) => !isBroker(word));

if (others.length === 0) process.exitCode = await run(wanted);
else if (others.join() === 'install') process.exitCode = await install(wanted);
else if (others.join() === '--help') process.stdout.write(HELP);
else {
  process.stderr.write(`not known: ${others.join(' ')}\n\n${HELP}`);
  process.exitCode = 2;
}

async function run(chosen: readonly BrokerName[]): Promise<number> {
  const ended = Promise.race(['SIGINT', 'SIGTERM', 'SIGHUP'].map((signal) => once(process, signal)));
  process.stdout.write(`starting ${chosen.join(', ')} …\n`);
  const started = (await Promise.all(chosen.map(start))).filter((broker) => broker !== undefined);
  if (started.length === chosen.length) {
    for (const { name, url } of started) process.stdout.write(`export ${urlVariable(name)}=${url}\n`);
    process.stdout.write('Ctrl-C stops them\n');
    await ended;
  }
  await Promise.all(started.map((broker) => broker.dispose()));
  process.stdout.write('stopped\n');
  return started.length === chosen.length ? 0 : 1;
}

async function start(name: BrokerName): Promise<BrokerProcess | undefined> {
  const startedAt = performance.now();
  try {
    const broker = await BrokerProcess.start(name);
    const seconds = ((performance.now() - startedAt) / 1000).toFixed(1);
    process.stdout.write(`${name} ${await broker.version()} is ready after ${seconds} s\n`);
    return broker;
  } catch (error) {
    process.stderr.write(`${error instanceof BrokerMissingError ? error.message : String(error)}\n`);
    return undefined;
  }
}
