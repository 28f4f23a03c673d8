import type { Backend } from '../../backend/backend.js';
import type { KeyOrder } from '../../backend/key-order.js';
import { ForwardingBackend } from '../../backend/forwarding-backend.js';
import type { InspectQuery, Inspected, MessageState, Peeked } from '../../backend/inspect.js';
import { memoryBackend } from '../../backends/memory/index.js';
import type { FailureRecord } from '../../message/failure-record.js';
import type { Outgoing } from '../../message/outgoing.js';
import type { PublishResult } from '../../backend/backend.js';
import { testAmbient } from '../../testing/test-ambient.js';
import { VirtualClock } from '../../testing/virtual-clock.js';
import { Bus } from '../bus.js';
import type { DeadLetters } from './dead-letters.js';

const FAILURE: FailureRecord = {
  attempt: 1,
  at: 0,
  reason: 'handler_error',
  error: { name: 'TypeError', message: 'no' },
  handler: 'Orders.onOrder',
  host: 'here:1',
};

type Publish = (batch: readonly Outgoing[]) => Promise<readonly PublishResult[]>;

/** Lets a spec stand in for a publish or a purge. */
class Gate extends ForwardingBackend {
  publishing:
    ((batch: readonly Outgoing[], rightly: Publish) => Promise<readonly PublishResult[]>) | undefined;
  inspecting: ((query: InspectQuery) => void) | undefined;

  override publish(batch: readonly Outgoing[]): Promise<readonly PublishResult[]> {
    const rightly: Publish = (given) => this.inner.publish(given);
    return this.publishing?.(batch, rightly) ?? rightly(batch);
  }

  override async *inspect(query: InspectQuery): AsyncIterable<Inspected> {
    this.inspecting?.(query);
    yield* this.inner.inspect(query);
  }
}

/** Subscription `work`, whose messages die at once, and `audit`, which only listens. */
export class Ward {
  readonly clock = new VirtualClock();
  readonly ambient = testAmbient(this.clock);
  gate!: Gate;
  bus!: Bus;

  static async open(order?: KeyOrder): Promise<Ward> {
    const ward = new Ward();
    const { backend } = await memoryBackend.open('main', {}, ward.ambient);
    const subscriptions = ['work', 'audit'].map((name) => ({ name, topics: ['orders', 'returns'], order }));
    await backend.ensure({ subscriptions }, 'create');
    ward.gate = new Gate(backend);
    ward.bus = new Bus({ backend: ward.gate, source: 'urn:test', ambient: ward.ambient });
    return ward;
  }

  get letters(): DeadLetters {
    return this.bus.deadLetters('work');
  }

  /** Publishes one event for each id, and lets it die. */
  async bury(...ids: readonly string[]): Promise<void> {
    for (const id of ids) await this.bus.publish('orders', { order: id }, { id });
    await this.die();
  }

  /** The next message that becomes ready dies. */
  async dieNext(): Promise<void> {
    const receiver = await this.backend.open({ name: 'work', topics: ['orders'], leaseMs: 60_000 });
    const [delivery] = await receiver.receive(1, new AbortController().signal);
    if (delivery !== undefined) await receiver.settle([{ kind: 'dead', delivery, failure: FAILURE }]);
    await receiver.close();
  }

  /** All that is ready dies. */
  async die(failure: Partial<FailureRecord> = {}): Promise<void> {
    const receiver = await this.backend.open({ name: 'work', topics: ['orders'], leaseMs: 60_000 });
    const ready = (await this.lying('ready')).length;
    if (ready === 0) return;
    const deliveries = await receiver.receive(ready, new AbortController().signal);
    const acts = deliveries.map((delivery) => {
      return { kind: 'dead', delivery, failure: { ...FAILURE, ...failure } } as const;
    });
    await receiver.settle(acts);
    await receiver.close();
  }

  get backend(): Backend {
    return this.gate;
  }

  async lying(state: MessageState, subscription = 'work'): Promise<readonly Peeked[]> {
    const found: Peeked[] = [];
    for await (const item of this.gate.inspect({ kind: 'browse', subscription, state, limit: 10_000 })) {
      if (item.kind === 'message') found.push(item);
    }
    return found;
  }

  async ids(state: MessageState, subscription = 'work'): Promise<readonly string[]> {
    return (await this.lying(state, subscription)).map(({ id }) => id);
  }
}
