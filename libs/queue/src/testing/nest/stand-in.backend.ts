import type { Backend, PublishResult, Receiver, Settlement, SettleResult } from '../../backend/backend.js';
import type { Capabilities } from '../../backend/capabilities.js';
import type { Delivery } from '../../message/delivery.js';
import type { Outgoing } from '../../message/outgoing.js';
import { AlteredBackend } from '../altered-backend.js';
import type { FaultScript } from './fault-script.js';
import type { MessageSpy } from './message-spy.js';
import type { Activity } from './quiet.js';

/** How long a message that is to be overtaken stays away, in ms: as long as time stands still. */
const STEP_ASIDE_MS = 1;

export interface Observers {
  readonly spy: MessageSpy;
  readonly script: FaultScript;
  readonly activity: Activity;
}

/** Memory in the place of a backend: tells the spies what passes, and does what the script says. */
export class StandInBackend extends AlteredBackend {
  constructor(
    private readonly memory: Backend,
    private readonly hosts: Capabilities['hosts'],
    private readonly observers: Observers,
  ) {
    super(memory, {
      publish: (batch, rightly) => this.#publish(batch, rightly),
      receive: (rightly, receiver) => this.#receive(rightly, receiver),
      settle: (acts, rightly) => this.#settle(acts, rightly),
    });
  }

  /** What only works inside a process must be refused here too when the real backend refuses it. */
  override get capabilities(): Capabilities {
    const { capabilities } = this.memory;
    return this.hosts === 'process' ? capabilities : { ...capabilities, hosts: this.hosts, durable: 'disk' };
  }

  async #publish(
    batch: readonly Outgoing[],
    rightly: (batch: readonly Outgoing[]) => Promise<readonly PublishResult[]>,
  ): Promise<readonly PublishResult[]> {
    const { spy, activity } = this.observers;
    activity.count++;
    const results = await rightly(batch);
    batch.forEach((message, at) => {
      const result = results[at];
      const isReplay = message.to !== undefined;
      const isNew = result?.status === 'stored' && result.duplicate !== true;
      if (isNew && !isReplay) spy.notePublished(message, this.name, result.copies);
    });
    return results;
  }

  async #receive(
    rightly: () => Promise<readonly Delivery[]>,
    receiver: Receiver,
  ): Promise<readonly Delivery[]> {
    const { script, activity } = this.observers;
    const handedOver: Delivery[] = [];
    for (const delivery of await rightly()) {
      activity.count++;
      activity.deliveries++;
      if (script.strikes('duplicate', delivery.subscription)) await this.memory.publish([copyOf(delivery)]);
      if (script.strikes('reorder', delivery.subscription)) {
        await receiver.settle([{ kind: 'release', delivery, delayMs: STEP_ASIDE_MS }]);
      } else handedOver.push(delivery);
    }
    return handedOver;
  }

  async #settle(
    acts: readonly Settlement[],
    rightly: (acts: readonly Settlement[]) => Promise<readonly SettleResult[]>,
  ): Promise<readonly SettleResult[]> {
    const dying = acts.map((act) => this.#diesWith(act));
    const reaching = acts.filter((_act, at) => dying[at] === false);
    const answers = (await rightly(reaching)).values();
    const results = dying.map((dies): SettleResult => (dies ? 'lost' : (answers.next().value ?? 'lost')));
    acts.forEach((act, at) => this.#note(act, results[at]));
    return results;
  }

  #diesWith({ kind, delivery }: Settlement): boolean {
    return kind === 'ack' && this.observers.script.strikes('crash-before-ack', delivery.subscription);
  }

  #note(act: Settlement, result: SettleResult | undefined): void {
    const { spy, activity } = this.observers;
    if (act.kind === 'extend') return; // a handler that hangs makes no progress
    activity.count++;
    // noop: it was done before, and the answer was lost.
    if (act.kind === 'dead' && (result === 'ok' || result === 'noop')) spy.noteDead(act, this.name);
  }
}

/** The same message once more, for its subscription only. */
function copyOf({ topic, subscription, id, key, body, headers, event }: Delivery): Outgoing {
  return { topic, to: subscription, id, key, body, headers, event, delayMs: undefined, ttlMs: undefined };
}
