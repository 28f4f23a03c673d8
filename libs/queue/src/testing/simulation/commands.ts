import { type Random, seededRandom } from '../../ambient/random.js';

/** What the next handler does that starts, wherever that is. */
export const BEHAVIOURS = ['ok', 'slow', 'throw', 'reject', 'hang', 'heed', 'crash', 'publish'] as const;
export type Behaviour = (typeof BEHAVIOURS)[number];

/** Processes and subscriptions are named by their number. */
export type SimulationCommand =
  | {
      readonly kind: 'publish';
      readonly process: number;
      readonly count: number;
      readonly delayMs: number;
      readonly priority: number;
      /** '' for none. */
      readonly key: string;
    }
  | { readonly kind: 'start' | 'stop'; readonly process: number; readonly subscription: number }
  | { readonly kind: 'rest' | 'wake'; readonly process: number; readonly subscription: number }
  | {
      readonly kind: 'concurrency';
      readonly process: number;
      readonly subscription: number;
      readonly to: number;
    }
  | { readonly kind: 'replay'; readonly process: number; readonly subscription: number }
  | {
      readonly kind: 'kill' | 'boot' | 'cut' | 'heal' | 'freeze' | 'thaw';
      readonly process: number;
    }
  | { readonly kind: 'skew'; readonly process: number; readonly ms: number }
  | { readonly kind: 'behave'; readonly next: Behaviour }
  | { readonly kind: 'advance'; readonly ms: number };

export type CommandKind = SimulationCommand['kind'];

export const PROCESSES = 3;
export const SUBSCRIPTIONS = 4;

/** How often each kind is drawn when a run has it at all. */
const WEIGHTS: Readonly<Record<CommandKind, number>> = {
  publish: 12,
  advance: 14,
  behave: 8,
  start: 8,
  stop: 2,
  rest: 1,
  wake: 2,
  concurrency: 1,
  replay: 2,
  kill: 2,
  boot: 4,
  cut: 2,
  heal: 4,
  freeze: 2,
  thaw: 4,
  skew: 1,
};
/** Without these nothing would happen. */
const ALWAYS: readonly CommandKind[] = ['publish', 'advance', 'start'];
/** A run that breaks something can mend it too. */
const MENDED_BY: Partial<Readonly<Record<CommandKind, CommandKind>>> = {
  kill: 'boot',
  cut: 'heal',
  freeze: 'thaw',
  rest: 'wake',
};
const KINDS = Object.keys(WEIGHTS) as CommandKind[];
const KEYS = ['', '', 'k1', 'k1', 'k2'];
const WAITS_MS = [0, 0, 0, 20, 300, 2_000];
const ADVANCES_MS = [1, 5, 20, 60, 200, 700, 2_500];
const SKEWS_MS = [-3_600_000, -300_000, 0, 300_000, 3_600_000];

/** The commands of a seed. Each run has its own mix of kinds: what is rare in all of them together is common in some. */
export function commandsOf(seed: number, steps: number): readonly SimulationCommand[] {
  const random = seededRandom(seed);
  const kinds = KINDS.filter((kind) => ALWAYS.includes(kind) || random.next() < 0.6);
  const mending = kinds.flatMap((kind) => MENDED_BY[kind] ?? []);
  const bag = [...new Set([...kinds, ...mending])].flatMap((kind) =>
    Array.from({ length: WEIGHTS[kind] }, () => kind),
  );
  return Array.from({ length: steps }, () => draw(random, pick(random, bag)));
}

function draw(random: Random, kind: CommandKind): SimulationCommand {
  const process = below(random, PROCESSES);
  const subscription = below(random, SUBSCRIPTIONS);
  switch (kind) {
    case 'publish': {
      const count = random.next() < 0.5 ? 1 : 1 + below(random, 6);
      const [delayMs, priority, key] = [pick(random, WAITS_MS), below(random, 3), pick(random, KEYS)];
      return { kind, process, count, delayMs, priority, key };
    }
    case 'start':
    case 'stop':
    case 'rest':
    case 'wake':
    case 'replay':
      return { kind, process, subscription };
    case 'concurrency':
      return { kind, process, subscription, to: 1 + below(random, 4) };
    case 'kill':
    case 'boot':
    case 'cut':
    case 'heal':
    case 'freeze':
    case 'thaw':
      return { kind, process };
    case 'skew':
      return { kind, process, ms: pick(random, SKEWS_MS) };
    case 'behave':
      return { kind, next: pick(random, BEHAVIOURS) };
    case 'advance':
      return { kind, ms: pick(random, ADVANCES_MS) };
  }
}

function below(random: Random, limit: number): number {
  return Math.floor(random.next() * limit);
}

function pick<T>(random: Random, from: readonly T[]): T {
  return from[below(random, from.length)] as T;
}
