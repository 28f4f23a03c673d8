import type { Receiver } from '../../backend/backend.js';
import { UnknownSubscriptionError } from '../../backend/backend.errors.js';
import type { SubscriptionSpec } from '../../backend/topology.js';
import type { QueueError } from '../../message/queue-error.js';
import { RabbitCopies } from './rabbitmq.copies.js';
import type { CopiesParts } from './rabbitmq.copies.js';
import { EphemeralReceiver } from './rabbitmq.ephemeral-receiver.js';
import { adopt } from './rabbitmq.adoption.js';
import type { ForeignTopics } from './rabbitmq.foreign-topics.js';
import { RabbitReceiver } from './rabbitmq.receiver.js';
import type { ReceiverParts } from './rabbitmq.receiver.js';
import type { RabbitTopology } from './rabbitmq.topology.js';

export interface ReceiversParts
  extends
    Omit<CopiesParts, 'subscription' | 'restore'>,
    Pick<ReceiverParts, 'connection' | 'errors' | 'status' | 'maxHoldMs' | 'commandTimeoutMs' | 'isClosed'> {
  readonly topology: RabbitTopology;
  readonly foreign: ForeignTopics;
}

/** All receivers of one backend. */
export class RabbitReceivers {
  readonly #parts: ReceiversParts;
  readonly #open = new Map<RabbitReceiver, string>();

  constructor(parts: ReceiversParts) {
    this.#parts = parts;
  }

  /** Of a subscription that exists. */
  open(spec: SubscriptionSpec): Receiver {
    const { topology, names } = this.#parts;
    const { name: subscription, leaseMs } = spec;
    const isEphemeral = topology.isEphemeral(subscription);
    let over: QueueError | undefined;
    const restore = async (): Promise<void> => {
      if (isEphemeral && !(await topology.exists(subscription)))
        over = new UnknownSubscriptionError(this.#parts.backend, subscription);
      else await topology.restore(spec);
    };
    const copies = new RabbitCopies({ ...this.#parts, subscription, restore: () => topology.restore(spec) });
    const own = {
      subscription,
      leaseMs,
      queue: names.lane(subscription),
      copies,
      restore,
      adopt: this.#adopter(spec),
      ending: () => over,
    };
    const receiver = new RabbitReceiver({ ...this.#parts, ...own });
    this.#open.set(receiver, subscription);
    if (!isEphemeral) return receiver;
    return new EphemeralReceiver(receiver, () => {
      this.#open.delete(receiver);
      return topology.remove(subscription);
    });
  }

  #adopter({ topics }: SubscriptionSpec): ReceiverParts['adopt'] {
    const { foreign, ambient } = this.#parts;
    const routes = foreign.heardBy(topics);
    return routes.length === 0 ? undefined : (message) => adopt(message, routes, ambient.clock.now());
  }

  /** What this process has of a subscription. */
  inHand(subscription: string): { readonly arrived: number; readonly inflight: number } {
    let arrived = 0;
    let inflight = 0;
    for (const [receiver, name] of this.#open) {
      if (name !== subscription) continue;
      arrived += receiver.arrived;
      inflight += receiver.inflight;
    }
    return { arrived, inflight };
  }

  async close(): Promise<void> {
    await Promise.all([...this.#open.keys()].map((receiver) => receiver.dispose()));
    this.#open.clear();
  }
}
