import { parseArgs } from 'node:util';

export interface DemoOptions {
  /** Chooses order, duplicates, failures and kills. */
  readonly seed: number;
  /** Where the numbers go as JSON; `-`: standard output. */
  readonly json: string | undefined;
  /** Stay up after the verdict. */
  readonly serve: boolean;
  /** Do not remove the folder with databases and logs. */
  readonly keep: boolean;
  /** A broker is started for the demo, and once more in the middle of it. */
  readonly backend: DemoBackend;
}

const BACKENDS = ['sqlite', 'postgres', 'redis', 'rabbitmq'] as const;
export type DemoBackend = (typeof BACKENDS)[number];

export const USAGE = `npm run demo -- [options]

  --seed N          another order, other duplicates, failures and kills (default 1)
  --backend NAME    ${BACKENDS.join(', ')} (default sqlite); a broker is started for it
                    and restarted in the middle, see npm run brokers -- --help
  --json [FILE]     the numbers as JSON, to FILE or to standard output
  --serve           stay up after the verdict, to look around; Ctrl-C ends it
  --keep            keep the folder with databases and logs
  --help            this text
`;

export class UsageError extends Error {}

/** Throws UsageError. `help`: only the usage was asked for. */
export function readOptions(words: readonly string[]): DemoOptions | 'help' {
  const { help, seed, json, serve, keep, backend } = parse(withJsonTarget(words));
  if (help) return 'help';
  if (!/^\d{1,9}$/.test(seed))
    throw new UsageError(`--seed ${seed}: give a whole number from 0 to 999999999`);
  const chosen = BACKENDS.find((name) => name === backend);
  if (chosen === undefined)
    throw new UsageError(`--backend ${backend}: choose one of ${BACKENDS.join(', ')}`);
  return { seed: Number(seed), json, serve, keep, backend: chosen };
}

interface Given {
  readonly help: boolean;
  readonly seed: string;
  readonly json?: string | undefined;
  readonly serve: boolean;
  readonly keep: boolean;
  readonly backend: string;
}

function parse(words: readonly string[]): Given {
  try {
    const { values } = parseArgs({
      args: [...words],
      options: {
        help: { type: 'boolean', default: false },
        seed: { type: 'string', default: '1' },
        json: { type: 'string' },
        serve: { type: 'boolean', default: false },
        keep: { type: 'boolean', default: false },
        backend: { type: 'string', default: 'sqlite' },
      },
    });
    return values;
  } catch (error) {
    throw new UsageError((error as Error).message);
  }
}

/** `--json` alone means standard output. */
function withJsonTarget(words: readonly string[]): readonly string[] {
  return words.map((word, index) => {
    const next = words[index + 1];
    return word === '--json' && (next === undefined || next.startsWith('--')) ? '--json=-' : word;
  });
}
