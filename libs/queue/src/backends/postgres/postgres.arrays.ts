const NEEDS_ESCAPE = /["\\]/;

/** A `text[]` parameter; undefined when every value is undefined, which unnest pads with nulls. */
export function textArray(values: readonly (string | undefined)[]): string | null {
  if (values.every((value) => value === undefined)) return null;
  return `{${values.map(element).join(',')}}`;
}

/** A parameter that is an array of numbers; null for undefined ones. */
export function numberArray(values: readonly (number | undefined)[]): string | null {
  if (values.every((value) => value === undefined)) return null;
  return `{${values.map((value) => value ?? 'NULL').join(',')}}`;
}

function element(value: string | undefined): string {
  if (value === undefined) return 'NULL';
  return NEEDS_ESCAPE.test(value) ? `"${value.replace(/["\\]/g, '\\$&')}"` : `"${value}"`;
}
