import type { Ambient } from '../ambient/ambient.js';
import type { Backend, PublishResult } from '../backend/backend.js';
import type { Outgoing } from '../message/outgoing.js';
import { memoryBackend } from '../backends/memory/index.js';
import { NO_HEADERS } from '../message/headers.js';
import { AlteredBackend } from '../testing/altered-backend.js';
import { testAmbient } from '../testing/test-ambient.js';
import { VirtualClock } from '../testing/virtual-clock.js';
import { Relay, type RelayOptions } from './relay.js';
import { ReceiverSource } from './receiver-source.js';
import type { RelayReport } from './relay-report.js';

export type Publishing = (
  batch: readonly Outgoing[],
  rightly: (batch: readonly Outgoing[]) => Promise<readonly PublishResult[]>,
) => Promise<readonly PublishResult[]>;

/** Two brokers in memory: `here`, where subscription `out` waits to be relayed, and `there`, where `in` listens. */
export class Landing {
  readonly clock = new VirtualClock();
  readonly ambient: Ambient = testAmbient(this.clock);
  /** Ids of every publish call to `there`. */
  readonly calls: string[][] = [];
  /** How `there` answers; at first, rightly. */
  publishing: Publishing = (batch, rightly) => rightly(batch);
  here!: Backend;
  there!: Backend;
  readonly #stop = new AbortController();

  static async open(): Promise<Landing> {
    const landing = new Landing();
    landing.here = (await memoryBackend.open('here', {}, landing.ambient)).backend;
    landing.there = new AlteredBackend((await memoryBackend.open('there', {}, landing.ambient)).backend, {
      publish: (batch, rightly) => {
        landing.calls.push(batch.map(({ id }) => id));
        return landing.publishing(batch, rightly);
      },
    });
    await landing.here.ensure({ subscriptions: [{ name: 'out', topics: ['t'] }] }, 'create');
    await landing.there.ensure({ subscriptions: [{ name: 'in', topics: ['t'] }] }, 'create');
    return landing;
  }

  /** Publishes here. `a:1` has key `a`. */
  async publish(...ids: string[]): Promise<void> {
    await this.here.publish(ids.map(message));
  }

  async relay(options: Partial<RelayOptions> = {}): Promise<Relay> {
    const receiver = await this.here.open({ name: 'out', topics: ['t'], leaseMs: 60_000 });
    const { clock } = this;
    const source = new ReceiverSource({ name: 'out', receiver, clock, host: 'h:1' });
    return new Relay({
      name: 'r',
      source,
      target: this.there,
      ambient: this.ambient,
      ...options,
    } as RelayOptions);
  }

  run(relay: Pick<Relay, 'run'>): Promise<RelayReport> {
    return relay.run(this.#stop.signal);
  }

  stop(): void {
    this.#stop.abort();
  }

  /** Runs for so long, stops, and tells how far it came. */
  async runFor(relay: Pick<Relay, 'run'>, ms: number): Promise<RelayReport> {
    const running = this.run(relay);
    await this.clock.advance(ms);
    this.stop();
    await this.clock.advance(0);
    return running;
  }

  /** Ids that lie there or here, in the order they would be handed out. */
  async idsIn(backend: Backend, subscription: string, state: 'ready' | 'dead' = 'ready'): Promise<string[]> {
    const ids: string[] = [];
    const query = { kind: 'browse', subscription, state, limit: 100_000 } as const;
    for await (const item of backend.inspect(query)) if (item.kind === 'message') ids.push(item.id);
    return ids;
  }
}

export function message(id: string): Outgoing {
  const key = id.includes(':') ? id.split(':')[0] : undefined;
  const none = { to: undefined, delayMs: undefined, ttlMs: undefined, event: undefined };
  return { topic: 't', id, key, body: id, headers: NO_HEADERS, ...none };
}
