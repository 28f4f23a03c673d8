/** Whoever asks for more is not believed: a broken clock elsewhere must not park a message for years. */
const LONGEST_MS = 3_600_000;

/** How long `Retry-After` asks to wait, in ms: it holds seconds or a date. undefined: it says nothing usable. */
export function retryAfterMs(header: string | null, now: number): number | undefined {
  if (header === null || header.trim() === '') return undefined;
  const ms = /^\d+$/.test(header) ? Number(header) * 1_000 : Date.parse(header) - now;
  return Number.isNaN(ms) ? undefined : Math.min(Math.max(ms, 0), LONGEST_MS);
}
