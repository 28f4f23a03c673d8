import type { Ambient } from '../../ambient/ambient.js';
import type {
  Backend,
  PublishCall,
  PublishResult,
  Receiver,
  Settlement,
  SettleResult,
} from '../../backend/backend.js';
import { STRICT_ORDER } from '../../backend/key-order.js';
import type { Delivery } from '../../message/delivery.js';
import type { FailureRecord } from '../../message/failure-record.js';
import { NO_HEADERS } from '../../message/headers.js';
import { ProcessView } from '../../testing/process-view.js';
import type { Capabilities } from '../../backend/capabilities.js';
import { memoryCapabilities } from '../../backends/memory/memory.capabilities.js';
import { MemoryBackend } from '../../backends/memory/memory.backend.js';
import { MemoryStore } from '../../backends/memory/memory.store.js';
import { objectionTo } from '../../backend/message-check.js';
import type { Outgoing } from '../../message/outgoing.js';
import type { Store } from '../../store/store.js';
import { AlteredBackend } from '../../testing/altered-backend.js';
import { must } from '../../testing/expectations.js';
import type { BackendFixture } from '../../testing/fixture.js';
import { virtualTime } from '../../testing/law-time.js';
import { testAmbient } from '../../testing/test-ambient.js';
import { VirtualClock } from '../../testing/virtual-clock.js';
import { KeyOrderBackend } from './key-order.backend.js';

/** What a broker with queues has: one order, and no keys. */
class Queues extends AlteredBackend {
  override get capabilities(): Capabilities {
    const plain = { order: 'queue', onRetry: 'breaks', onDead: 'skip', priority: 1 } as const;
    return { ...super.capabilities, ...plain };
  }

  override async publish(batch: readonly Outgoing[], call?: PublishCall): Promise<readonly PublishResult[]> {
    const objections = batch.map((message) => objectionTo(message, call, this));
    const good = batch.filter((_, at) => objections[at] === undefined);
    const stored = (await super.publish(good, call)).values();
    return objections.map((error) =>
      error === undefined ? (stored.next().value as PublishResult) : { status: 'refused', error },
    );
  }
}

/** A broker that keeps the order of its queues over crashes too, in memory. */
export function queueBackend(ambient: Ambient): Backend {
  const { maxBytes } = memoryCapabilities;
  const limits = { maxBytes, maxMessages: undefined, leaseEnd: 'in place' } as const;
  return new Queues(new MemoryBackend('queues', limits, ambient), {});
}

export interface Faults {
  readonly store?: (store: Store) => Store;
  readonly inner?: (backend: Backend) => Backend;
  readonly reports?: string[];
}

export function gated(inner: Backend, store: Store, ambient: Ambient, faults: Faults = {}): KeyOrderBackend {
  return new KeyOrderBackend(faults.inner?.(inner) ?? inner, {
    store: faults.store?.(store) ?? store,
    ambient,
    host: 'spec:1',
    report: (sentence, error) => faults.reports?.push(`${sentence}: ${String(error)}`),
  });
}

/** The laws over queues alone. */
export function queueFixture(): BackendFixture {
  return fixtureOf((ambient) => queueBackend(ambient));
}

/** The laws over queues with a key gate. */
export function gatedFixture(wrap: (backend: Backend) => Backend = (backend) => backend): BackendFixture {
  return fixtureOf((ambient, store) => wrap(gated(queueBackend(ambient), store, ambient)));
}

function fixtureOf(make: (ambient: Ambient, store: Store) => Backend): BackendFixture {
  const create = async () => {
    const clock = new VirtualClock();
    const ambient = testAmbient(clock);
    const open = () => {
      const store = new MemoryStore('queues', clock);
      return { backend: make(ambient, store), store };
    };
    let opened = open();
    return {
      time: virtualTime(clock),
      ambient,
      connect: async () => {
        if (opened.backend.status().state === 'down') opened = open();
        return opened;
      },
      dispose: async () => {
        must(clock.pending === 0, `${clock.pending} timers still run after everything was closed`);
      },
    };
  };
  return { name: 'queues', create };
}

export const SUBSCRIPTION = 'ledger';
export const SPEC_LEASE_MS = 3_000;
/** Until a process can have taken over from one that died: its right, and then the leases it may have had. */
export const TAKE_OVER_MS = 15_000 + 5_000 + SPEC_LEASE_MS;

/** A broker and a store, and what processes do with them. */
export class Office {
  readonly clock = new VirtualClock();
  readonly ambient = testAmbient(this.clock);
  readonly broker = queueBackend(this.ambient);
  readonly store = new MemoryStore('office', this.clock);
  #published = 0;

  static async open(): Promise<Office> {
    const office = new Office();
    const { backend } = office.process();
    await backend.ensure(
      { subscriptions: [{ name: SUBSCRIPTION, topics: ['t'], order: STRICT_ORDER }] },
      'create',
    );
    await backend.close(new Date(office.clock.now()));
    return office;
  }

  process(): OfficeProcess {
    return new OfficeProcess(this);
  }

  /** `a1` is the first one of key `a`. */
  async publish(...names: readonly string[]): Promise<void> {
    const plain = { topic: 't', to: undefined, delayMs: undefined, ttlMs: undefined, event: undefined };
    const batch = names.map((name) => {
      const key = name.startsWith('-') ? undefined : name.slice(0, 1);
      return { ...plain, id: `m${++this.#published}`, key, body: name, headers: NO_HEADERS };
    });
    await this.broker.publish(batch);
  }

  /** Keys in the store that are there for a message. */
  async parked(): Promise<readonly string[]> {
    const found = await this.store.scan(`park/${SUBSCRIPTION}/`, { limit: 100_000 });
    return found.map(({ key }) => key).filter((key) => /\/(at|of)\//.test(key));
  }
}

/** One process with a gate, and the ways in which it can fail. */
export class OfficeProcess {
  readonly view: ProcessView;
  readonly backend: KeyOrderBackend;
  readonly reports: string[] = [];
  /** Thrown by each write to the store, after it was done or instead. */
  cut: 'none' | 'before' | 'after' = 'none';
  #receiver: Promise<Receiver> | undefined;

  constructor(readonly office: Office) {
    this.view = new Unclosed(office.broker);
    this.backend = gated(this.view, office.store, office.ambient, {
      reports: this.reports,
      store: (store) => ({
        read: (keys) => (this.isCutOff ? this.#fail() : store.read(keys)),
        write: async (ops) => {
          if (this.isCutOff) return this.#fail();
          const written = await store.write(ops);
          return this.cut === 'after' ? this.#fail() : written;
        },
        scan: (prefix, page) => (this.isCutOff ? this.#fail() : store.scan(prefix, page)),
        close: () => Promise.resolve(),
      }),
    });
  }

  get isCutOff(): boolean {
    return this.view.isDead || this.cut === 'before';
  }

  #fail(): Promise<never> {
    return Promise.reject(new RangeError('no store'));
  }

  receiver(): Promise<Receiver> {
    this.#receiver ??= this.backend.open({ name: SUBSCRIPTION, topics: ['t'], leaseMs: SPEC_LEASE_MS });
    return this.#receiver;
  }

  /** What comes within `ms`. */
  async take(max: number, ms = 10): Promise<readonly Delivery[]> {
    if (this.#receiver === undefined && this.isCutOff) return []; // cannot be opened
    const receiver = await this.receiver();
    const taken: Delivery[] = [];
    const abort = new AbortController();
    const taking = receiver.receive(max, abort.signal).then((deliveries) => taken.push(...deliveries));
    for (let passed = 0; passed < ms && taken.length === 0; passed += 10) await this.office.clock.advance(10);
    abort.abort();
    await taking;
    return taken;
  }

  async settle(kind: Settlement['kind'], delivery: Delivery, delayMs = 0): Promise<SettleResult> {
    const receiver = await this.receiver();
    const failure = { ...FAILURE, attempt: delivery.attempt };
    const act = { kind, delivery, delayMs, failure, leaseMs: SPEC_LEASE_MS } as Settlement;
    const [result] = await receiver.settle([act]);
    return result as SettleResult;
  }

  /** Takes and acknowledges until nothing comes for a while. */
  async drain(ms = 10): Promise<readonly string[]> {
    const names: string[] = [];
    for (let [first] = await this.take(1, ms); first !== undefined; [first] = await this.take(1, ms)) {
      names.push(String(first.body));
      await this.settle('ack', first);
    }
    return names;
  }

  async stop(): Promise<void> {
    await (await this.#receiver)?.close();
    await this.backend.close(new Date(this.office.clock.now()));
  }
}

/** The broker outlives the processes. */
class Unclosed extends ProcessView {
  override close(): Promise<void> {
    return Promise.resolve();
  }
}

const FAILURE: FailureRecord = {
  attempt: 1,
  at: 0,
  reason: 'handler_error',
  error: { name: 'TypeError', message: 'no' },
  handler: 'Ledger.book',
  host: 'spec:1',
};
