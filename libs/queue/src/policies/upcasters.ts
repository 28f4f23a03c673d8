import { QueueError } from '../message/queue-error.js';

/** Turns the data of one version of a type into that of a later one. */
export interface Upcaster {
  /** The event's type, such as `order.placed`. */
  readonly type: string;
  readonly from: string;
  readonly to: string;
  /** Pure: it may neither wait nor change what it is given. */
  readonly up: (data: unknown) => unknown;
}

export function isUpcaster(value: unknown): value is Upcaster {
  const { type, from, to, up } = (value ?? {}) as Partial<Record<keyof Upcaster, unknown>>;
  return (
    [type, from, to].every((text) => typeof text === 'string' && text !== '') && typeof up === 'function'
  );
}

/** Upcasters that do not make a chain. */
export class InvalidUpcasterError extends QueueError {
  readonly code = 'invalid_upcaster';
}

/** An upcaster threw, or answered with a promise: the message is dead, its bytes as they came. */
export class UpcastError extends QueueError {
  readonly code = 'upcast_error';
}

/** The handler declared a version, and nothing leads to it from that of the event. */
export class UnknownVersionError extends QueueError {
  readonly code = 'unknown_version';
}

/** The upcasters of each type, by the version that they start from. */
export type UpcastChains = ReadonlyMap<string, UpcastChain>;

export interface UpcastChain {
  readonly steps: ReadonlyMap<string, Upcaster>;
  /** Where every way ends. */
  readonly newest: string;
}

/**
 * One chain per type: every version leads to the same newest one, in one way. Throws InvalidUpcasterError with a
 * sentence for duplicates, circles and gaps.
 */
export function chainUpcasters(upcasters: readonly Upcaster[]): UpcastChains {
  const byType = new Map<string, Map<string, Upcaster>>();
  for (const upcaster of upcasters) {
    const { type, from } = upcaster;
    const steps = byType.get(type) ?? new Map<string, Upcaster>();
    if (steps.has(from)) fail(type, `two of them start from version "${from}": keep one`);
    byType.set(type, steps.set(from, upcaster));
  }
  return new Map([...byType].map(([type, steps]) => [type, { steps, newest: newestOf(type, steps) }]));
}

function newestOf(type: string, steps: ReadonlyMap<string, Upcaster>): string {
  const ends = new Set([...steps.keys()].map((from) => endFrom(type, from, steps)));
  const [newest, other] = ends;
  if (other !== undefined) {
    fail(
      type,
      `some end at version "${newest}" and some at "${other}": add the one that leads on from the older`,
    );
  }
  return newest as string;
}

function endFrom(type: string, from: string, steps: ReadonlyMap<string, Upcaster>): string {
  const seen = new Set<string>();
  let version = from;
  for (let step = steps.get(version); step !== undefined; step = steps.get(version)) {
    if (seen.has(version)) fail(type, `version "${version}" leads back to itself`);
    seen.add(version);
    version = step.to;
  }
  return version;
}

/** The steps from one version to another; undefined: there is no way. */
export function stepsBetween(
  { steps }: UpcastChain,
  from: string,
  target: string,
): readonly Upcaster[] | undefined {
  const taken: Upcaster[] = [];
  let version = from;
  while (version !== target) {
    const step = steps.get(version);
    if (step === undefined) return undefined;
    taken.push(step);
    version = step.to;
  }
  return taken;
}

function fail(type: string, why: string): never {
  throw new InvalidUpcasterError(`the upcasters of "${type}": ${why}`);
}
