import { copyOf, type Body } from '../../message/body.js';
import { type FailureRecord, MAX_FAILURE_HISTORY } from '../../message/failure-record.js';
import type { Headers } from '../../message/headers.js';
import { NO_HEADERS, withHeaders } from '../../message/headers.js';
import type { Outgoing } from '../../message/outgoing.js';
import type { Delivery } from '../../message/delivery.js';

const NO_FAILURES: readonly FailureRecord[] = Object.freeze([]);

/** When a publish happened, on both clocks. One per call, shared by its messages. */
export interface Stamp {
  readonly wallMs: number;
  readonly monoMs: number;
}

/** The right to some deliveries. One per answer of `receive`, shared until one of them extends its own. */
export class Lease {
  constructor(
    readonly leaseMs: number,
    /** Monotonic ms. */
    readonly endsAt: number,
  ) {}
}

/** The copy of one message that one subscription keeps, until it is acknowledged, purged or expired. */
export class Copy {
  /** Place in line among what is ready; kept by a release. */
  place = 0;
  /** Index among the copies in flight. */
  slot = -1;
  attempt = 1;
  crashes = 0;
  failures = NO_FAILURES;
  /** The delivery that may settle it now, and for how long. */
  holder: Delivery | undefined = undefined;
  lease: Lease | undefined = undefined;
  /** Purged or expired while it stood in line: skipped when its turn comes. */
  removed = false;
  /** It is in the line of its key, alive or as a dead letter that holds it. */
  inOrder = false;
  /** Monotonic ms; undefined: never. */
  readonly expiresAt: number | undefined;
  /** Wall clock; set on dead letters. */
  deadAt: number | undefined = undefined;

  constructor(
    readonly message: Outgoing,
    readonly stamp: Stamp,
    readonly seq: number,
  ) {
    this.expiresAt = message.ttlMs === undefined ? undefined : stamp.monoMs + message.ttlMs;
  }

  /** Names it for browse and purge; the same over all its deliveries. Made when asked for: hardly anyone asks. */
  get ref(): string {
    return String(this.seq);
  }

  isExpired(monoMs: number): boolean {
    return this.expiresAt !== undefined && this.expiresAt <= monoMs;
  }

  note(failure: FailureRecord): void {
    this.failures = Object.freeze([...this.failures.slice(1 - MAX_FAILURE_HISTORY), failure]);
  }

  /** The same copy for another line; in its old one it is skipped. */
  moved(): Copy {
    const copy = new Copy(this.message, this.stamp, this.seq);
    copy.attempt = this.attempt;
    copy.crashes = this.crashes;
    copy.failures = this.failures;
    return copy;
  }

  /** The copy as it was when it was new, under other headers: a dead letter that gets another chance. */
  revived(headers: Headers): Copy {
    const { message, stamp, seq } = this;
    const again = { ...message, body: message.body, headers, delayMs: undefined, ttlMs: undefined };
    const copy = new Copy(sealed(again), stamp, seq);
    copy.inOrder = this.inOrder;
    return copy;
  }

  /** A dead process or an expired lease took this attempt with it. */
  countCrash(): void {
    this.attempt++;
    this.crashes++;
  }
}

/**
 * The message as nobody outside can change it any more. Bytes and open header records are copied; text and frozen
 * headers are kept as they are. A message with its event is not even asked for its body: that may not exist yet,
 * and in one process nobody needs it.
 */
export function sealed(message: Outgoing): Outgoing {
  const { headers } = message;
  const headersAreOpen = headers !== NO_HEADERS && !Object.isFrozen(headers);
  if (!headersAreOpen && (message.event !== undefined || typeof message.body === 'string')) return message;
  return { ...message, body: ownBytes(message.body), headers: ownHeaders(headers) };
}

/** A handler may write into the bytes it gets; the next attempt must not see it. */
export function ownBytes(body: Body): Body {
  return typeof body === 'string' ? body : copyOf(body);
}

function ownHeaders(headers: Headers): Headers {
  return Object.isFrozen(headers) ? headers : withHeaders(NO_HEADERS, headers);
}
