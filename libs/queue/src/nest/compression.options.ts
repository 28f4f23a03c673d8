import {
  COMPRESSION_ALGORITHMS,
  type CompressionAlgorithm,
  type CompressionPolicy,
} from '../composed/compression.js';

/** Large bodies take less room on one backend. */
export interface CompressionOptions {
  /** Default `deflate`; `brotli` is smaller and slower. Consumers read both. */
  readonly algorithm?: CompressionAlgorithm;
  /** Bodies of more bytes than this are compressed, if that makes them smaller. Default 1 024. */
  readonly over?: number;
  /** Largest body as handlers see it: larger ones are refused, and dead where they come in. Default 67 108 864 (64 MiB). */
  readonly maxBytes?: number;
}

const NAMES = new Set(['algorithm', 'over', 'maxBytes']);

/** A sentence; undefined: nothing is wrong. */
export function problemWithCompression(given: unknown): string | undefined {
  const { algorithm, over, maxBytes } = given as Record<keyof CompressionOptions, unknown>;
  const stranger = Object.keys(given as object).find((name) => !NAMES.has(name));
  if (stranger !== undefined) return `has no option ${JSON.stringify(stranger)}`;
  if (algorithm !== undefined && !COMPRESSION_ALGORITHMS.some((name) => name === algorithm))
    return `needs in algorithm one of ${COMPRESSION_ALGORITHMS.join(', ')}`;
  if (!isCount(over ?? 0) || !isCount(maxBytes ?? 0))
    return 'needs in over and maxBytes whole numbers of bytes';
  return undefined;
}

function isCount(given: unknown): boolean {
  return Number.isSafeInteger(given) && (given as number) >= 0;
}

export function compressionPolicyOf({ algorithm, over, maxBytes }: CompressionOptions): CompressionPolicy {
  return Object.freeze({
    algorithm: algorithm ?? 'deflate',
    overBytes: over ?? 1_024,
    maxBytes: maxBytes ?? 67_108_864,
  });
}
