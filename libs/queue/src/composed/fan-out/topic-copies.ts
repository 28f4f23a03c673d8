import type { Ambient } from '../../ambient/ambient.js';
import type { Backend, PublishCall, PublishResult, Receiver } from '../../backend/backend.js';
import { UnroutableError } from '../../backend/backend.errors.js';
import type { Outgoing } from '../../message/outgoing.js';
import type { RelayTarget } from '../../relay/confirmed-publish.js';
import { ReceiverSource } from '../../relay/receiver-source.js';
import { Relay } from '../../relay/relay.js';
import { copyFor, sourceOf } from './copy.js';
import type { Listeners } from './listeners.js';

export interface CopyingParts {
  /** Has one queue per topic. */
  readonly broker: Backend;
  readonly listeners: Listeners;
  readonly ambient: Ambient;
  /** `hostname:pid`, for failure records. */
  readonly host: string;
}

const LEASE_MS = 20_000;
const BATCH = 256;

/** Takes what is published to one topic and copies it to every subscription that listens to it, until `stop` aborts. */
export async function openCopying(
  topic: string,
  parts: CopyingParts,
  stop: AbortSignal,
): Promise<() => Promise<void>> {
  const { broker, ambient, host } = parts;
  const { lease, batch } = broker.capabilities;
  const leaseMs = lease === false ? LEASE_MS : Math.min(LEASE_MS, lease.maxMs);
  const name = sourceOf(topic);
  const receiver: Receiver = await broker.open({ name, topics: [topic], leaseMs });
  const relay = new Relay({
    name,
    source: new ReceiverSource({ name, receiver, clock: ambient.clock, host }),
    target: new CopyingTarget(parts),
    ambient,
    batch: Math.min(BATCH, batch.receive, batch.settle),
    timeoutMs: leaseMs / 2,
  });
  const running = relay.run(stop).then(() => receiver.close());
  return () => running.catch(() => undefined);
}

/** Publishes one message as many: its result is that of the worst copy. */
class CopyingTarget implements RelayTarget {
  constructor(private readonly parts: CopyingParts) {}

  get name(): string {
    return this.parts.broker.name;
  }

  get capabilities(): Backend['capabilities'] {
    return this.parts.broker.capabilities;
  }

  async publish(batch: readonly Outgoing[], call?: PublishCall): Promise<readonly PublishResult[]> {
    const { broker, listeners } = this.parts;
    const [first] = batch;
    const subscriptions = first === undefined ? [] : await listeners.of(first.topic);
    const copies = batch.flatMap((message) => subscriptions.map((name) => copyFor(name, message)));
    const size = broker.capabilities.batch.publish;
    const results: PublishResult[] = [];
    for (let at = 0; at < copies.length; at += size) {
      results.push(...(await broker.publish(copies.slice(at, at + size), call)));
    }
    const { length } = subscriptions;
    return batch.map((message, at) => this.#worst(message, results.slice(at * length, (at + 1) * length)));
  }

  #worst({ topic }: Outgoing, results: readonly PublishResult[]): PublishResult {
    const unknown = results.find(({ status }) => status === 'unknown');
    const refused = results.find(({ status }) => status === 'refused');
    if (results.length === 0) return { status: 'refused', error: new UnroutableError(this.name, topic) };
    return unknown ?? refused ?? { status: 'stored', copies: results.length };
  }
}
