import type { Headers } from '../message/headers.js';

/** Which messages of a subscription a handler takes. What is absent takes everything. */
export interface MessageFilter {
  /** One of these event types. */
  readonly types: readonly string[] | undefined;
  /** All of these headers, with these values. */
  readonly headers: Headers | undefined;
}

export function takesEverything({ types, headers }: MessageFilter): boolean {
  return types === undefined && headers === undefined;
}

/** Headers are asked for only by a filter that looks at them. */
export function takes(
  filter: MessageFilter,
  message: { readonly type: string | undefined; readonly headers: () => Headers },
): boolean {
  const { types, headers: wanted } = filter;
  if (types !== undefined && (message.type === undefined || !types.includes(message.type))) return false;
  if (wanted === undefined) return true;
  const headers = message.headers();
  return Object.keys(wanted).every((name) => headers[name] === wanted[name]);
}

/** Whether no message can be taken by both: no type in common, or one header with two values. */
export function areApart(one: MessageFilter, other: MessageFilter): boolean {
  const { types, headers } = other;
  if (one.types !== undefined && types !== undefined && !one.types.some((type) => types.includes(type)))
    return true;
  const wanted = one.headers ?? {};
  return Object.entries(headers ?? {}).some(
    ([name, value]) => Object.hasOwn(wanted, name) && wanted[name] !== value,
  );
}
