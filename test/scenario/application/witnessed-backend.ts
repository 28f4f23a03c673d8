import type {
  Ambient,
  BackendFactory,
  Delivery,
  Receiver,
  Settlement,
  SettleResult,
} from '@pigeonpost/queue';
import type { Probe } from './probe.js';
import type { Testimony } from './testimony.js';

/** A backend with a witness and the probes at the seam. */
export function witnessed(
  factory: BackendFactory,
  { testimony, probe }: Pick<Parts, 'testimony' | 'probe'>,
): BackendFactory {
  return {
    kind: `witnessed-${factory.kind}`,
    optionsClass: factory.optionsClass,
    async open(name, options, ambient) {
      const opened = await factory.open(name, options, ambient);
      const open = opened.backend.open.bind(opened.backend);
      opened.backend.open = async (spec) =>
        new WitnessedReceiver(await open(spec), { testimony, probe, ambient });
      return opened;
    },
  };
}

interface Parts {
  readonly testimony: Testimony;
  readonly probe: Probe;
  readonly ambient: Ambient;
}

class WitnessedReceiver implements Receiver {
  readonly #numbers = new WeakMap<Delivery, number>();
  #deliveries = 0;
  #acts = 0;

  constructor(
    private readonly inner: Receiver,
    private readonly parts: Parts,
  ) {}

  async receive(max: number, signal: AbortSignal): Promise<readonly Delivery[]> {
    const deliveries = await this.inner.receive(max, signal);
    for (const delivery of deliveries) this.#noteDelivered(delivery);
    this.parts.probe.pass('received', deliveries.length);
    return deliveries;
  }

  async settle(acts: readonly Settlement[]): Promise<readonly SettleResult[]> {
    const numbers = acts.map((act) => this.#noteSettling(act));
    const answer = this.inner.settle(acts);
    this.parts.probe.pass('settle sent', acts.length);
    const results = await answer;
    results.forEach((result, at) => {
      const told = typeof result === 'string' ? result : result.message;
      this.parts.testimony.write({ fact: 'settled', act: numbers[at] as number, result: told });
    });
    this.parts.probe.pass('settle stored', acts.length);
    return results;
  }

  close(): Promise<void> {
    return this.inner.close();
  }

  #noteDelivered(delivery: Delivery): void {
    const number = this.#number();
    this.#numbers.set(delivery, number);
    const { id, ref, attempt, crashes, leaseMs } = delivery;
    const at = this.parts.ambient.clock.now();
    this.parts.testimony.write({
      fact: 'delivered',
      delivery: number,
      id,
      ref,
      attempt,
      crashes,
      leaseMs,
      at,
    });
  }

  #noteSettling(act: Settlement): number {
    const number = this.#actNumber();
    this.parts.testimony.write({
      fact: 'settling',
      act: number,
      delivery: this.#numbers.get(act.delivery) as number,
      kind: act.kind,
      leaseMs: act.kind === 'extend' ? act.leaseMs : 0,
      at: this.parts.ambient.clock.now(),
    });
    return number;
  }

  /** Unique over the processes that write one testimony after the other. */
  #number(): number {
    return process.pid * 1_000_000 + this.#deliveries++;
  }

  #actNumber(): number {
    return process.pid * 1_000_000 + this.#acts++;
  }
}
