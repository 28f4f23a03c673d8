import type { Clock } from '../ambient/clock.js';
import type {
  Backend,
  PublishCall,
  PublishResult,
  Receiver,
  Settlement,
  SettleResult,
} from '../backend/backend.js';
import { ForwardingBackend, ForwardingReceiver } from '../backend/forwarding-backend.js';
import type { InspectQuery, Inspected } from '../backend/inspect.js';
import type { SubscriptionSpec } from '../backend/topology.js';
import { changedDelivery, type Delivery } from '../message/delivery.js';
import { describeError } from '../message/error-info.js';
import type { FailureReason } from '../message/failure-record.js';
import type { Headers } from '../message/headers.js';
import type { Outgoing } from '../message/outgoing.js';
import { QueueError } from '../message/queue-error.js';

/** What becomes of every message between the bus and the broker, and of every delivery on its way back. */
export interface MessageTransform {
  /** Such as `signing`; named in failure records. */
  readonly name: string;
  /** As it goes out. A QueueError refuses the message; anything else fails the whole publish. */
  out(message: Outgoing): Outgoing | Promise<Outgoing>;
  /** As the handler gets it; the same object where nothing changes. A BrokenMessageError makes it a dead letter. */
  in(delivery: Delivery): Delivery | Promise<Delivery>;
  /** The headers of a dead letter that goes back into its old place as this message. A QueueError leaves it where it is. */
  revived?(message: Outgoing): Headers;
  /** The broker has taken it, for so many subscriptions and no more: what a topic retains is not told. */
  stored?(message: Outgoing, copies: number | undefined): void;
  /** It is certain that the broker has not. */
  refused?(message: Outgoing): void;
  /** The broker has taken the acknowledgement of what came in. */
  acknowledged?(delivery: Delivery): void;
  /** After the backend was closed. */
  close?(): Promise<void>;
}

/** No attempt can succeed: the message is a dead letter before anybody has looked into it. */
export abstract class BrokenMessageError extends QueueError {
  abstract readonly reason: FailureReason;
}

export interface TransformParts {
  readonly clock: Clock;
  /** `hostname:pid`, for failure records. */
  readonly host: string;
  /** Something that nobody else will tell: a broken message, or one that could not be fetched. No payloads. */
  readonly report: (sentence: string) => void;
}

/** How long what cannot be had right now is given back for. */
const AGAIN_MS = 1_000;

/** A backend whose messages are signed, or kept elsewhere, or otherwise not on the broker as handlers see them. */
export class TransformedBackend extends ForwardingBackend {
  constructor(
    inner: Backend,
    private readonly transform: MessageTransform,
    private readonly parts: TransformParts,
  ) {
    super(inner);
  }

  /** Where no transform waits, the backend below is called before this returns: a transaction may depend on it. */
  override async publish(batch: readonly Outgoing[], call?: PublishCall): Promise<readonly PublishResult[]> {
    const making = batch.map((message) => this.#out(message));
    const made = making.some(isWaiting)
      ? await Promise.all(making.map(async (each) => each))
      : (making as readonly Made[]);
    const going = made.filter((each): each is Outgoing => !isRefusal(each));
    const answers = going.length === 0 ? [] : await this.inner.publish(going, call);
    answers.forEach((answer, at) => {
      const message = going[at] as Outgoing;
      if (answer.status === 'refused') this.transform.refused?.(message);
      else if (answer.status === 'stored' && answer.retained !== true)
        this.transform.stored?.(message, answer.copies);
    });
    const left = answers.values();
    return made.map((each) => (isRefusal(each) ? each : (left.next().value as PublishResult)));
  }

  #out(message: Outgoing): Made | Promise<Made> {
    try {
      const made = this.transform.out(message);
      return made instanceof Promise ? made.catch(refusalOf) : made;
    } catch (error) {
      return refusalOf(error);
    }
  }

  override inspect(query: InspectQuery): AsyncIterable<Inspected> {
    const message = query.kind === 'revive' ? query.message : undefined;
    const headers = message && this.transform.revived?.(message);
    if (query.kind !== 'revive' || message === undefined || headers === undefined)
      return this.inner.inspect(query);
    return this.inner.inspect({ ...query, headers, message: { ...message, headers } });
  }

  override async close(deadline: Date): Promise<void> {
    await this.inner.close(deadline);
    await this.transform.close?.();
  }

  override async open(spec: SubscriptionSpec): Promise<Receiver> {
    return new TransformedReceiver(await this.inner.open(spec), this.transform, this.parts);
  }
}

type Refused = PublishResult & { readonly status: 'refused' };
type Made = Outgoing | Refused;

function isWaiting(making: Made | Promise<Made>): boolean {
  return making instanceof Promise;
}

/** Throws what is no answer to a publish. */
function refusalOf(error: unknown): Refused {
  if (error instanceof QueueError) return { status: 'refused', error };
  throw error;
}

function isRefusal(made: Made): made is Refused {
  return 'status' in made;
}

class TransformedReceiver extends ForwardingReceiver {
  /** What the backend knows of each delivery that was changed: its token is there. */
  readonly #originals = new WeakMap<Delivery, Delivery>();

  constructor(
    inner: Receiver,
    private readonly transform: MessageTransform,
    private readonly parts: TransformParts,
  ) {
    super(inner);
  }

  override async receive(max: number, signal: AbortSignal): Promise<readonly Delivery[]> {
    const received = await this.inner.receive(max, signal);
    const since = this.parts.clock.mono();
    const acts: Settlement[] = [];
    const taken = await Promise.all(received.map((delivery) => this.#in(delivery, acts)));
    if (acts.length > 0) await this.#settleApart(acts);
    const tookMs = this.parts.clock.mono() - since;
    return taken.filter((delivery) => delivery !== undefined).map((delivery) => this.#late(delivery, tookMs));
  }

  /** undefined: nobody gets it, and what becomes of it stands in `acts`. */
  async #in(delivery: Delivery, acts: Settlement[]): Promise<Delivery | undefined> {
    try {
      const changed = await this.transform.in(delivery);
      if (changed !== delivery) this.#originals.set(changed, delivery);
      return changed;
    } catch (error) {
      this.parts.report(
        `message ${delivery.id} of "${delivery.subscription}" did not pass ${this.transform.name}: ${describeError(error).message}`,
      );
      acts.push(this.#settlement(delivery, error));
      return undefined;
    }
  }

  #settlement(delivery: Delivery, error: unknown): Settlement {
    if (!(error instanceof BrokenMessageError)) return { kind: 'release', delivery, delayMs: AGAIN_MS };
    const { clock, host } = this.parts;
    const { attempt } = delivery;
    const at = clock.now();
    const { reason } = error;
    const failure = { attempt, at, reason, error: describeError(error), handler: this.transform.name, host };
    return { kind: 'dead', delivery, failure };
  }

  /** What cannot be settled comes again when its lease ends. */
  async #settleApart(acts: readonly Settlement[]): Promise<void> {
    const problems = await this.inner.settle(acts).then(
      (results) => results.filter((result) => typeof result !== 'string'),
      (error: unknown) => [error],
    );
    for (const problem of problems) {
      this.parts.report(`a message could not be put away: ${describeError(problem).message}`);
    }
  }

  /** The lease runs since the broker gave it away. */
  #late(delivery: Delivery, tookMs: number): Delivery {
    if (tookMs < 1) return delivery;
    const shorter = changedDelivery(delivery, { leaseMs: Math.max(1, delivery.leaseMs - tookMs) });
    this.#originals.set(shorter, this.#original(delivery));
    return shorter;
  }

  #original(delivery: Delivery): Delivery {
    return this.#originals.get(delivery) ?? delivery;
  }

  override async settle(acts: readonly Settlement[]): Promise<readonly SettleResult[]> {
    const mapped = acts.map((act) => ({ ...act, delivery: this.#original(act.delivery) }));
    const results = await this.inner.settle(mapped);
    results.forEach((result, at) => {
      const act = mapped[at] as Settlement;
      if (result === 'ok' && act.kind === 'ack') this.transform.acknowledged?.(act.delivery);
    });
    return results;
  }
}
