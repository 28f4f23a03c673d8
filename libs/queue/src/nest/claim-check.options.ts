import type { ClaimCheckPolicy } from '../composed/claim-check.js';
import { type Duration, parseDuration } from '../policies/duration.js';
import type { Offer } from '../policies/resolution.js';
import type { BlobStore } from '../store/blob-store.js';
import { FileBlobs } from '../store/blobs/file.blobs.js';
import { SqliteBlobs } from '../store/blobs/sqlite.blobs.js';
import type { BackendConfig } from './queue.options.js';

/** Large bodies beside the broker. */
export interface ClaimCheckOptions {
  /** A directory, a SQLite file of its own, or a store of the application's: the same for publishers and consumers. */
  readonly blobs: { readonly directory: string } | { readonly file: string } | BlobStore;
  /** Bodies of more bytes than this go there. Default 65 536, which every broker takes. */
  readonly over?: number;
  /** Larger ones are refused. Default 268 435 456 (256 MiB). */
  readonly maxBytes?: number;
  /** Longest life of a blob: longer than any wait, all retries and the stay among the dead letters. Default 30 d. */
  readonly keep?: Duration;
}

const DAY_MS = 86_400_000;
const HOUR_MS = 3_600_000;
const NAMES = new Set(['blobs', 'over', 'maxBytes', 'keep']);
const VERBS = ['put', 'get', 'expect', 'done', 'sweep', 'close'] as const;

/** A sentence; undefined: nothing is wrong. */
export function problemWithClaimCheck(given: unknown): string | undefined {
  const { blobs, over, maxBytes, keep } = given as Record<keyof ClaimCheckOptions, unknown>;
  const stranger = Object.keys(given as object).find((name) => !NAMES.has(name));
  if (stranger !== undefined) return `has no option ${JSON.stringify(stranger)}`;
  if (!isBlobsOption(blobs))
    return 'needs in blobs a directory, a file, or a store with put, get, expect, done, sweep and close';
  if (!isCount(over ?? 1) || !isCount(maxBytes ?? 1))
    return 'needs in over and maxBytes whole numbers of bytes';
  if (keep !== undefined && parseDuration('keep', keep as Duration) < HOUR_MS)
    return 'needs in keep an hour or more';
  return undefined;
}

function isCount(given: unknown): boolean {
  return Number.isSafeInteger(given) && (given as number) >= 0;
}

function isBlobsOption(given: unknown): given is ClaimCheckOptions['blobs'] {
  if (typeof given !== 'object' || given === null) return false;
  const { directory, file, ...rest } = given as Record<string, unknown>;
  if (isBlobStore(given)) return true;
  const path = directory ?? file;
  const isOne = (directory === undefined) !== (file === undefined) && Object.keys(rest).length === 0;
  return isOne && typeof path === 'string' && path !== '';
}

function isBlobStore(given: unknown): given is BlobStore {
  return VERBS.every((verb) => typeof (given as Record<string, unknown>)[verb] === 'function');
}

/** A sentence for each backend that takes less than its claim check would leave to it. */
export function claimCheckRefusals(
  backends: readonly BackendConfig[],
  offers: ReadonlyMap<string, Offer>,
): readonly string[] {
  return backends.flatMap(({ name, claimCheck }) => {
    const maxBytes = offers.get(name)?.capabilities.maxBytes;
    if (claimCheck === undefined || maxBytes === undefined) return [];
    const { overBytes } = claimCheckPolicyOf(claimCheck);
    if (overBytes <= maxBytes) return [];
    return [
      `the claimCheck of backend "${name}" lets bodies of up to ${overBytes} bytes through, which takes ${maxBytes}: set \`over\` to ${maxBytes} or less`,
    ];
  });
}

export function claimCheckPolicyOf({ over, maxBytes, keep }: ClaimCheckOptions): ClaimCheckPolicy {
  return Object.freeze({
    overBytes: over ?? 65_536,
    maxBytes: maxBytes ?? 268_435_456,
    keepMs: keep === undefined ? 30 * DAY_MS : parseDuration('keep', keep),
    sweepEveryMs: HOUR_MS,
  });
}

export function blobStoreOf({ blobs }: ClaimCheckOptions): BlobStore {
  if (isBlobStore(blobs)) return blobs;
  return 'directory' in blobs ? new FileBlobs(blobs.directory) : new SqliteBlobs(blobs.file);
}
