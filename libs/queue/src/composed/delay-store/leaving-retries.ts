import type { Capabilities, Delay } from '../../backend/capabilities.js';

/** Which retries leave a backend and wait on another one. */
export interface LeavingRetries {
  /** Those that wait for longer than this, in ms. */
  readonly beyondMs: number;
  /** What the backend does with the others. */
  readonly staying: Delay;
  /** What those do to an order. */
  readonly onRetry: Capabilities['onRetry'];
}

/** Undefined where none leaves: the backend delays for as long itself, or could not bring one back to its own subscription. */
export function retriesLeaving(inner: Capabilities, later: Capabilities): LeavingRetries | undefined {
  const { retry } = inner.delay;
  const { publish } = later.delay;
  if (!inner.lane || inner.ack === 'none' || publish === false || publish.kind !== 'exact') return undefined;
  const staying = retry !== false && retry.kind !== 'backoff' ? retry : false;
  if (staying !== false && staying.maxMs >= publish.maxMs) return undefined;
  return { beyondMs: staying === false ? 0 : staying.maxMs, staying, onRetry: inner.onRetry };
}

/** What a backend can do when another one keeps for it what it cannot delay. */
export function delayingCapabilities(inner: Capabilities, later: Capabilities): Capabilities {
  const { publish } = later.delay;
  const depth = inner.depth === 'none' ? 'none' : 'approx'; // what waits is counted where it waits
  const delay = { ...inner.delay, publish };
  if (retriesLeaving(inner, later) === undefined) return { ...inner, depth, delay };
  const maxBytes = Math.min(inner.maxBytes, later.maxBytes); // any message may fail and have to leave
  return { ...inner, depth, maxBytes, onRetry: 'breaks', delay: { publish, retry: publish } };
}

/** Whether a backend with these delays cannot keep this one. */
export function isBeyond(delayMs: number | undefined, delay: Delay): boolean {
  if (delayMs === undefined || delayMs <= 0) return false;
  return delay === false || delayMs > delay.maxMs;
}
