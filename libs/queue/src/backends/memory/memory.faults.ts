import type { Random } from '../../ambient/random.js';
import { BackendUnavailableError, PublishOutcomeUnknownError } from '../../backend/backend.errors.js';
import type {
  Backend,
  PublishCall,
  PublishResult,
  Receiver,
  Settlement,
  SettleResult,
} from '../../backend/backend.js';
import { ForwardingBackend, ForwardingReceiver } from '../../backend/forwarding-backend.js';
import type { SubscriptionSpec } from '../../backend/topology.js';
import type { Delivery } from '../../message/delivery.js';
import type { Outgoing } from '../../message/outgoing.js';
import { MemoryReceiver } from './memory.receiver.js';

/** What was done wrong on purpose, and to which message. */
export interface InjectedFault {
  readonly kind: keyof FaultChances;
  readonly id: string;
}

/** Each is a probability from 0 to 1; 0 by default. Nothing is ever lost: that would be no fault but a broken backend. */
export interface FaultChances {
  /** A message is stored twice. */
  readonly duplicate?: number;
  /** A message changes places with its neighbour in an answer of `receive`. */
  readonly reorder?: number;
  /** A settlement is answered with an error; every other time it was done all the same. */
  readonly loseSettleAnswer?: number;
  /** A publish ends as unknown; every other time it was stored all the same. */
  readonly unknownPublish?: number;
}

export interface FaultOptions extends FaultChances {
  /** Hears of each fault as it happens. */
  readonly report?: (fault: InjectedFault) => void;
}

/**
 * Ends `receiver` as the death of its process would: its calls reach nothing any more, its leases run out, and what
 * it held comes back with a crash counted.
 */
export function crash(receiver: Receiver): void {
  if (receiver instanceof FaultyReceiver) crash(receiver.inner);
  if (receiver instanceof MemoryReceiver) receiver.disconnect();
}

/** Decides what goes wrong; the same seed decides the same way. */
class Fate {
  constructor(
    private readonly options: FaultOptions,
    private readonly random: Random,
  ) {}

  strikes(kind: keyof FaultChances, id: string): boolean {
    const chance = this.options[kind] ?? 0;
    if (chance === 0 || this.random.next() >= chance) return false;
    this.options.report?.({ kind, id });
    return true;
  }

  flipsCoin(): boolean {
    return this.random.next() < 0.5;
  }
}

/** A backend that lets every call through, except where fate strikes. */
export class FaultyBackend extends ForwardingBackend {
  readonly #fate: Fate;

  constructor(inner: Backend, options: FaultOptions, random: Random) {
    super(inner);
    this.#fate = new Fate(options, random);
  }

  override publish(batch: readonly Outgoing[], call?: PublishCall): Promise<readonly PublishResult[]> {
    return Promise.all(batch.map((message) => this.#publishOne(message, call)));
  }

  override async open(spec: SubscriptionSpec): Promise<Receiver> {
    return new FaultyReceiver(await this.inner.open(spec), this.#fate, this.name);
  }

  async #publishOne(message: Outgoing, call?: PublishCall): Promise<PublishResult> {
    const isUnknown = this.#fate.strikes('unknownPublish', message.id);
    if (isUnknown && this.#fate.flipsCoin()) return this.#unknown(message);
    const [result] = await this.inner.publish([message], call);
    if (this.#fate.strikes('duplicate', message.id)) await this.inner.publish([message], call);
    return isUnknown ? this.#unknown(message) : (result as PublishResult);
  }

  #unknown({ id }: Outgoing): PublishResult {
    const why = `backend "${this.name}" gave no answer about message "${id}": a fault was injected`;
    return { status: 'unknown', error: new PublishOutcomeUnknownError(why) };
  }
}

class FaultyReceiver extends ForwardingReceiver {
  constructor(
    inner: Receiver,
    private readonly fate: Fate,
    private readonly backendName: string,
  ) {
    super(inner);
  }

  override async receive(max: number, signal: AbortSignal): Promise<readonly Delivery[]> {
    const deliveries = [...(await this.inner.receive(max, signal))];
    for (let at = 1; at < deliveries.length; at++) {
      const [before, here] = [deliveries[at - 1] as Delivery, deliveries[at] as Delivery];
      if (this.fate.strikes('reorder', here.id)) deliveries.splice(at - 1, 2, here, before);
    }
    return deliveries;
  }

  override settle(acts: readonly Settlement[]): Promise<readonly SettleResult[]> {
    return Promise.all(acts.map((act) => this.#settleOne(act)));
  }

  async #settleOne(act: Settlement): Promise<SettleResult> {
    const isLost = this.fate.strikes('loseSettleAnswer', act.delivery.id);
    if (isLost && this.fate.flipsCoin()) return this.#lost();
    const [result] = await this.inner.settle([act]);
    return isLost ? this.#lost() : (result as SettleResult);
  }

  #lost(): SettleResult {
    return new BackendUnavailableError(this.backendName, 'settle', 'a fault was injected');
  }
}
