/**
 * Keeps large bodies beside a broker. Publishers and consumers must reach the same one. Ids come from `blobId`; what is
 * no such id is never looked for.
 */
export interface BlobStore {
  /** Resolves when it is stored as durably as the store can. */
  put(id: string, bytes: Uint8Array): Promise<void>;
  /** undefined: there is none, or none any more. */
  get(id: string): Promise<Uint8Array | undefined>;
  /** So many holders will say that they are done with it; 0: it can go at once. */
  expect(id: string, holders: number): Promise<void>;
  /** One of them is; a repeat counts once. The blob goes with the last one, be it before `expect` or after. */
  done(id: string, holder: string): Promise<void>;
  /** Removes what has expired by then (ms since the epoch), whoever still holds it; answers how many. */
  sweep(now: number): Promise<number>;
  close(): Promise<void>;
}

const ID = /^([0-9a-z]{1,11})-[0-9A-Za-z-]{1,64}$/;

/** The name of a blob tells when it expires. `unique` is letters, digits and hyphens. */
export function blobId(expiresAt: number, unique: string): string {
  return `${Math.ceil(expiresAt).toString(36)}-${unique}`;
}

/** Ms since the epoch; undefined: it is no id. */
export function expiryOf(id: string): number | undefined {
  const [, expiresAt] = ID.exec(id) ?? [];
  return expiresAt === undefined ? undefined : parseInt(expiresAt, 36);
}
