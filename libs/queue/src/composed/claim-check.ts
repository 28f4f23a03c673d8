import { createHash } from 'node:crypto';
import type { Ambient } from '../ambient/ambient.js';
import { BackendUnavailableError, PayloadTooLargeError } from '../backend/backend.errors.js';
import { type Body, byteLength, toBytes } from '../message/body.js';
import { wireFormOf } from '../message/cloudevents/wire-form.js';
import { changedDelivery, type Delivery } from '../message/delivery.js';
import { CLAIM_HEADER, emptyHeaders, type Headers, withHeaders } from '../message/headers.js';
import { decodeText } from '../message/json.js';
import type { Outgoing } from '../message/outgoing.js';
import { blobId, type BlobStore } from '../store/blob-store.js';
import { BrokenMessageError, type MessageTransform } from './transformed.backend.js';

export interface ClaimCheckPolicy {
  /** Bodies of more bytes than this are kept in the blob store. */
  readonly overBytes: number;
  /** Larger ones are refused. */
  readonly maxBytes: number;
  /** A blob is kept no longer than this, whoever has not been done with it by then. */
  readonly keepMs: number;
  /** How often expired blobs are looked for, at most. */
  readonly sweepEveryMs: number;
}

export interface ClaimCheckParts {
  readonly backend: string;
  readonly blobs: BlobStore;
  readonly ambient: Ambient;
  /** Something that nobody else will tell. */
  readonly report: (sentence: string) => void;
}

/** The body that the message stands for is gone. */
export class MissingBlobError extends BrokenMessageError {
  readonly code = 'missing_blob';
  readonly reason = 'missing_blob';
}

/** The body that was found is not the one that was sent. */
export class WrongBlobError extends BrokenMessageError {
  readonly code = 'wrong_blob';
  readonly reason = 'wrong_blob';
}

interface Claim {
  readonly id: string;
  readonly kind: 'text' | 'bytes';
  readonly bytes: number;
  readonly sha256: string;
}

const DATA_REF = 'urn:pigeonpost:blob:';
const CLAIM = /^1;([\w-]{1,80});(text|bytes);(\d{1,15});([\w-]{43})$/;

/** Large bodies travel beside the broker: the message carries a reference, its length and its hash. */
export class ClaimCheck implements MessageTransform {
  readonly name = 'the claim of its body';
  #nextSweepAt = -Infinity;
  readonly #pending = new Set<Promise<void>>();

  constructor(
    private readonly policy: ClaimCheckPolicy,
    private readonly parts: ClaimCheckParts,
  ) {}

  out(message: Outgoing): Outgoing | Promise<Outgoing> {
    const { overBytes, maxBytes } = this.policy;
    const given = message.headers[CLAIM_HEADER];
    const isReplay = given !== undefined && (message.edited !== true || byteLength(message.body) === 0);
    if (isReplay) return message;
    const headers = given === undefined ? message.headers : without(message.headers);
    const bytes = byteLength(message.body);
    if (bytes <= overBytes)
      return given === undefined ? message : { ...message, body: message.body, headers };
    if (bytes > maxBytes) throw new PayloadTooLargeError(this.parts.backend, bytes, maxBytes);
    return this.#claim(message, headers);
  }

  async #claim(message: Outgoing, headers: Headers): Promise<Outgoing> {
    const claim = await this.#put(message.body);
    const claimed = withHeaders(headers, claimHeaders(claim, headers));
    return { ...message, body: '', event: undefined, headers: claimed };
  }

  async #put(body: Body): Promise<Claim> {
    const { blobs, ambient, backend } = this.parts;
    const now = ambient.clock.now();
    this.#sweepSometimes(now);
    const bytes = toBytes(body);
    const id = blobId(now + this.policy.keepMs, ambient.ids.next(now));
    try {
      await blobs.put(id, bytes);
    } catch (cause) {
      throw new BackendUnavailableError(backend, 'publish', 'the blob store does not take the body', {
        cause,
      });
    }
    return {
      id,
      kind: typeof body === 'string' ? 'text' : 'bytes',
      bytes: bytes.byteLength,
      sha256: hashOf(bytes),
    };
  }

  async in(delivery: Delivery): Promise<Delivery> {
    const given = delivery.headers[CLAIM_HEADER];
    if (given === undefined) return delivery;
    const claim = parse(given);
    const found = await this.parts.blobs.get(claim.id);
    if (found === undefined) {
      throw new MissingBlobError(
        `its body is not in the blob store: it was there for ${this.policy.keepMs} ms, or is in another store`,
      );
    }
    if (found.byteLength !== claim.bytes || hashOf(found) !== claim.sha256) {
      throw new WrongBlobError('the body in the blob store is not the one that was sent');
    }
    const body = claim.kind === 'text' ? decodeText(found) : new Uint8Array(found);
    return changedDelivery(delivery, { body, headers: without(delivery.headers), event: undefined });
  }

  /** Where nobody says how many have it, it stays until it is swept. */
  stored({ headers, to }: Outgoing, copies: number | undefined): void {
    const given = headers[CLAIM_HEADER];
    if (given !== undefined && to === undefined && copies !== undefined)
      this.#later((blobs) => blobs.expect(parse(given).id, copies));
  }

  refused({ headers, to }: Outgoing): void {
    const given = headers[CLAIM_HEADER];
    if (given !== undefined && to === undefined) this.#later((blobs) => blobs.expect(parse(given).id, 0));
  }

  acknowledged({ headers, subscription }: Delivery): void {
    const given = headers[CLAIM_HEADER];
    if (given !== undefined) this.#later((blobs) => blobs.done(parse(given).id, subscription));
  }

  /** Waits for what is still to be noted, and closes the store. */
  async close(): Promise<void> {
    await Promise.all(this.#pending);
    await this.parts.blobs.close();
  }

  #sweepSometimes(now: number): void {
    if (now < this.#nextSweepAt) return;
    this.#nextSweepAt = now + this.policy.sweepEveryMs;
    this.#later(async (blobs) => void (await blobs.sweep(now)));
  }

  /** What is not noted is swept when it has expired. */
  #later(work: (blobs: BlobStore) => Promise<void>): void {
    const noted = work(this.parts.blobs).catch(() => {
      this.parts.report('the blob store could not be tidied: what is left goes when it expires');
    });
    this.#pending.add(noted);
    void noted.finally(() => this.#pending.delete(noted));
  }
}

/** Readers of binary CloudEvents that are not ours see the standard's own attribute for it. */
function claimHeaders({ id, kind, bytes, sha256 }: Claim, headers: Headers): Headers {
  const claim = { [CLAIM_HEADER]: `1;${id};${kind};${bytes};${sha256}` };
  const form = wireFormOf(headers);
  return form?.mode === 'binary' ? { ...claim, [`${form.form.prefix}dataref`]: `${DATA_REF}${id}` } : claim;
}

/** Throws WrongBlobError. */
function parse(text: string): Claim {
  const [, id, kind, bytes, sha256] = CLAIM.exec(text) ?? [];
  if (sha256 === undefined) throw new WrongBlobError('its claim cannot be read');
  return { id: id as string, kind: kind as Claim['kind'], bytes: Number(bytes), sha256 };
}

function without(headers: Headers): Headers {
  const kept = emptyHeaders();
  for (const name of Object.keys(headers)) {
    if (name !== CLAIM_HEADER && !isDataRef(name, headers)) kept[name] = headers[name] as string;
  }
  return Object.freeze(kept);
}

/** Only ours: an event may well refer to something else by itself. */
function isDataRef(name: string, headers: Headers): boolean {
  return name.toLowerCase().endsWith('dataref') && headers[name]?.startsWith(DATA_REF) === true;
}

function hashOf(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('base64url');
}
