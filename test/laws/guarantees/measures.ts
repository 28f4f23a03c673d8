const LENGTHS = [
  ['years', 365 * 86_400_000],
  ['days', 86_400_000],
  ['h', 3_600_000],
  ['min', 60_000],
  ['s', 1_000],
  ['ms', 1],
] as const;

const SIZES = [
  ['MiB', 2 ** 20],
  ['KiB', 2 ** 10],
  ['bytes', 1],
] as const;

/** Beyond it a limit is none, in years. */
const NO_LIMIT_YEARS = 1_000;

/** `50 ms`, `12 h`, `10 years`, or `without limit`. */
export function duration(ms: number): string {
  if (ms > NO_LIMIT_YEARS * LENGTHS[0][1]) return 'without limit';
  return measured(ms, LENGTHS);
}

/** `512 bytes`, `256 KiB`, `64 MiB`. */
export function size(bytes: number): string {
  return measured(bytes, SIZES);
}

/** `10,000`. */
export function count(value: number): string {
  return value.toLocaleString('en-US');
}

/** In the largest unit of which there are whole ones only, so that nothing is rounded. */
function measured(value: number, units: readonly (readonly [unit: string, size: number])[]): string {
  const [unit, each] = units.find(([, of]) => value >= of && value % of === 0) ?? ['', 1];
  return `${count(value / each)} ${unit}`;
}
