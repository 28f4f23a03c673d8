import type { Clock } from '../../ambient/clock.js';
import type { Receiver, Settlement, SettleResult } from '../../backend/backend.js';
import { RestoringReceiver } from '../../backend/restoring-receiver.js';
import type { Delivery } from '../../message/delivery.js';
import type { Outgoing } from '../../message/outgoing.js';
import { messageOf, withMessage } from '../../relay/with-message.js';
import { changesOf, withHistory } from './carried-history.js';
import type { DelayLane } from './delay-lane.js';
import type { LeavingRetries } from './leaving-retries.js';

export interface DelayStoreReceiverParts {
  readonly lane: DelayLane;
  readonly leaving: LeavingRetries;
  readonly clock: Clock;
  /** Whether leases can be renewed, so that one can be held on to until its message is elsewhere. */
  readonly renews: boolean;
}

type Retry = Settlement & { readonly kind: 'retry' };

/**
 * Hands the retries that the broker cannot delay over to another backend: copied there and confirmed, then acknowledged
 * here. What comes back looks as if it had never been away.
 */
export class DelayStoreReceiver extends RestoringReceiver {
  readonly #parts: DelayStoreReceiverParts;
  /** Copied already: only the acknowledgement is still to be done. */
  readonly #copied = new WeakSet<Delivery>();

  constructor(inner: Receiver, parts: DelayStoreReceiverParts) {
    super(inner, changesOf);
    this.#parts = parts;
  }

  override async settle(acts: readonly Settlement[]): Promise<readonly SettleResult[]> {
    const leaving = acts.filter((act): act is Retry => this.#leaves(act));
    if (leaving.length === 0) return super.settle(acts);
    const staying = acts.filter((act) => !this.#leaves(act));
    const [stayed, left] = await Promise.all([
      staying.length === 0 ? [] : super.settle(staying),
      this.#leave(leaving),
    ]);
    const [ofStaying, ofLeaving] = [stayed.values(), left.values()];
    return acts.map((act) => (this.#leaves(act) ? ofLeaving : ofStaying).next().value as SettleResult);
  }

  #leaves(act: Settlement): act is Retry {
    return act.kind === 'retry' && act.delayMs > this.#parts.leaving.beyondMs;
  }

  /** Renewed first: whoever has lost his lease changes nothing, and nobody else gets the message while it is copied. */
  async #leave(retries: readonly Retry[]): Promise<readonly SettleResult[]> {
    const held = this.#parts.renews
      ? await this.#each(retries, extension)
      : retries.map((): SettleResult => 'ok');
    const ours = retries.filter((_, at) => held[at] === 'ok');
    const copied = await this.#copy(ours);
    const safe = ours.filter((_, at) => copied[at] === 'ok');
    const ended = (await this.#each(safe, acknowledgement)).values();
    const copies = copied
      .map((result) => (result === 'ok' ? (ended.next().value as SettleResult) : result))
      .values();
    return held.map((result) => (result === 'ok' ? (copies.next().value as SettleResult) : result));
  }

  async #each(retries: readonly Retry[], as: (retry: Retry) => Settlement): Promise<readonly SettleResult[]> {
    return retries.length === 0 ? [] : super.settle(retries.map(as));
  }

  /** `ok`: the other backend has it for sure. */
  async #copy(retries: readonly Retry[]): Promise<readonly SettleResult[]> {
    const fresh = retries.filter(({ delivery }) => !this.#copied.has(delivery));
    const nowMs = this.#parts.clock.now();
    const results =
      fresh.length === 0 ? [] : await this.#parts.lane.keep(fresh.map((retry) => copyOf(retry, nowMs)));
    const answers = new Map(fresh.map(({ delivery }, at) => [delivery, results[at]]));
    return retries.map(({ delivery }): SettleResult => {
      const result = answers.get(delivery);
      if (result !== undefined && result.status !== 'stored') return result.error;
      this.#copied.add(delivery);
      return 'ok';
    });
  }
}

function extension({ delivery }: Retry): Settlement {
  return { kind: 'extend', delivery, leaseMs: delivery.leaseMs };
}

function acknowledgement({ delivery }: Retry): Settlement {
  return { kind: 'ack', delivery };
}

/** For its own subscription only, with all that it was through. */
function copyOf({ delivery, delayMs, failure }: Retry, nowMs: number): Outgoing {
  const headers = withHistory(delivery, failure);
  return withMessage(messageOf(delivery, nowMs), { to: delivery.subscription, delayMs, headers });
}
