import { parseArgs } from 'node:util';
import type { Workload } from './contender.ts';
import { type BackendName, BACKENDS } from './registry.ts';

export interface Options {
  readonly backends: readonly BackendName[];
  readonly phases: readonly string[];
  /** undefined: the usual ones of each backend. */
  readonly bytes: readonly number[] | undefined;
  readonly concurrency: readonly number[] | undefined;
  /** Replaces the number of messages of a cell. */
  readonly messages: number | undefined;
  /** undefined: as many of the usual ones as the time allows. */
  readonly repetitions: number | undefined;
  readonly payload: Workload['payload'];
  readonly json: string | undefined;
  readonly profile: string | undefined;
  readonly library: string | undefined;
  readonly directory: string | undefined;
}

export class UsageError extends Error {}

export const HELP = `npm run bench -- [options]

Measures this library against the least that its job could cost (the limit) and against the library that one would
use instead (the peers), interleaved in one run. See docs/benchmarks.md for how to read the figures.

  --backend LIST       of memory, sqlite, nest, postgres, redis, rabbitmq       default: all that are installed
  --phase LIST         of publish, bulk, consume, publish+handle, latency, dispatch   default: all
  --bytes LIST         size of the payload as JSON                              default: 256,4096; with a broker 256
  --concurrency LIST   publishes in flight, and handlers at once                default: 1,10,100; with a broker 100
  --messages N         messages of a measurement; slow contenders get a share   default: by phase
  --repetitions N      of everything, interleaved; medians are shown            default: 3, or what 50 s a backend allow
  --payload SHAPE      text, or object: a small object around the text          default: text
  --json FILE          writes the figures
  --profile DIR        writes a .cpuprofile for every measurement
  --library DIR        a built library, to compare two builds                   default: builds libs/queue
  --directory DIR      where databases are made: a disk, not memory             default: the system's
  --help
`;

const FLAGS = {
  backend: { type: 'string', default: BACKENDS.join() },
  phase: { type: 'string', default: 'publish,bulk,consume,publish+handle,latency,dispatch' },
  bytes: { type: 'string' },
  concurrency: { type: 'string' },
  messages: { type: 'string' },
  repetitions: { type: 'string' },
  payload: { type: 'string', default: 'text' },
  json: { type: 'string' },
  profile: { type: 'string' },
  library: { type: 'string' },
  directory: { type: 'string' },
  help: { type: 'boolean', default: false },
} as const;

/** undefined: help was asked for. Throws UsageError. */
export function readOptions(args: readonly string[]): Options | undefined {
  const given = parse(args);
  if (given.help) return undefined;
  return {
    backends: oneOf('--backend', given.backend, BACKENDS),
    phases: oneOf('--phase', given.phase, FLAGS.phase.default.split(',')),
    bytes: given.bytes?.split(',').map((text) => whole('--bytes', text, 16)),
    concurrency: given.concurrency?.split(',').map((text) => whole('--concurrency', text, 1)),
    messages: given.messages === undefined ? undefined : whole('--messages', given.messages, 100),
    repetitions: given.repetitions === undefined ? undefined : whole('--repetitions', given.repetitions, 1),
    payload: oneOf('--payload', given.payload, ['text', 'object'])[0] ?? 'text',
    json: given.json,
    profile: given.profile,
    library: given.library,
    directory: given.directory,
  };
}

function parse(args: readonly string[]) {
  try {
    return parseArgs({ args: [...args], options: FLAGS }).values;
  } catch (error) {
    throw new UsageError((error as Error).message);
  }
}

function oneOf<Known extends string>(flag: string, text: string, known: readonly Known[]): readonly Known[] {
  return text.split(',').map((name) => {
    const found = known.find((one) => one === name);
    if (found === undefined) throw new UsageError(`${flag} knows ${known.join(', ')}; not "${name}"`);
    return found;
  });
}

function whole(flag: string, text: string, least: number): number {
  const value = Number(text);
  if (Number.isInteger(value) && value >= least) return value;
  throw new UsageError(`${flag} takes whole numbers from ${least} on, not "${text}"`);
}
