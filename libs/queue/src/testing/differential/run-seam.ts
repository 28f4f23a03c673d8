import type { OpenedBackend, PublishResult, Receiver, Settlement } from '../../backend/backend.js';
import type { InspectQuery, Inspected } from '../../backend/inspect.js';
import type { Delivery } from '../../message/delivery.js';
import type { FailureRecord } from '../../message/failure-record.js';
import { NO_HEADERS } from '../../message/headers.js';
import { STRICT_ORDER } from '../../backend/key-order.js';
import { codeOf } from '../expectations.js';
import type { BackendFixture, World } from '../fixture.js';
import { RECEIVERS, type SeamCommand } from './seam-command.js';

const TOPIC = 'seam.topic';
const SUBSCRIPTIONS = ['seam.one', 'seam.two'] as const;
export const SEAM_LEASE_MS = 1_000;

/** How time goes by while commands run; the same on all backends that are compared. */
export interface SeamTimes {
  readonly leaseMs: number;
  /** A backend may need a moment to bring what is ready. */
  readonly momentMs: number;
}

const VIRTUAL: SeamTimes = { leaseMs: SEAM_LEASE_MS, momentMs: 1 };
const STATES = ['ready', 'delayed', 'held', 'inflight', 'dead'] as const;

/**
 * Does the commands on a new broker and answers a line for each: what was answered, and what lies where. Two backends
 * that keep the same promises answer the same lines. Needs virtual time, or times so long that what real time adds makes no
 * difference.
 */
export async function runSeam(
  fixture: BackendFixture,
  commands: readonly SeamCommand[],
  times: SeamTimes = VIRTUAL,
): Promise<readonly string[]> {
  const world = await fixture.create();
  const bench = await SeamBench.open(world, times);
  const lines: string[] = [];
  for (const command of commands) {
    const answer = await bench.run(command);
    lines.push(`${JSON.stringify(command)}: ${answer}; ${await bench.state()}`);
  }
  await bench.close();
  return lines;
}

class SeamBench {
  readonly #receivers: Receiver[] = [];
  readonly #deliveries: { readonly delivery: Delivery; readonly receiver: Receiver }[] = [];
  #published = 0;

  private constructor(
    private readonly world: World,
    private readonly opened: OpenedBackend,
    private readonly times: SeamTimes,
  ) {}

  static async open(world: World, times: SeamTimes): Promise<SeamBench> {
    const bench = new SeamBench(world, await world.connect(), times);
    const order = bench.opened.backend.capabilities.order === 'key' ? STRICT_ORDER : undefined;
    const subscriptions = SUBSCRIPTIONS.map((name, at) => ({
      name,
      topics: [TOPIC],
      order: at === 0 ? order : undefined,
    }));
    await bench.opened.backend.ensure({ subscriptions }, 'create');
    for (let number = 0; number < RECEIVERS; number++) bench.#receivers.push(await bench.#open(number));
    return bench;
  }

  run(command: SeamCommand): Promise<string> | string {
    switch (command.do) {
      case 'publish':
        return this.#publish(command);
      case 'receive':
        return this.#receive(command);
      case 'reopen':
        return this.#reopen(command.receiver);
      case 'purge':
        return this.#purge(command.state);
      case 'revive':
        return this.#revive();
      case 'advance':
        return this.#advance(command.ms);
      default:
        return this.#settle(command);
    }
  }

  /** Counts per subscription, and what lies in each state in the order of their ids. */
  async state(): Promise<string> {
    const parts: string[] = [];
    for (const subscription of SUBSCRIPTIONS) {
      for (const state of STATES) {
        const found = await this.#inspect({ kind: 'browse', subscription, state, limit: 10_000 });
        const ids = found.flatMap((item) =>
          item.kind === 'message' ? [`${item.id}.${item.attempts}.${item.crashes}`] : [],
        );
        if (ids.length > 0) parts.push(`${subscription} ${state} ${ids.sort().join(' ')}`);
      }
    }
    return parts.join(', ');
  }

  async close(): Promise<void> {
    for (const receiver of this.#receivers) await receiver.close();
    await this.opened.backend.close(new Date(this.world.ambient.clock.now() + SEAM_LEASE_MS));
    await this.opened.store?.close();
    await this.world.dispose();
  }

  async #publish(command: SeamCommand & { do: 'publish' }): Promise<string> {
    const { count, delayMs, ttlMs, priority, direct, key } = command;
    const plain = { topic: TOPIC, key, headers: NO_HEADERS, event: undefined, priority };
    const timed = {
      delayMs: delayMs > 0 ? delayMs : undefined,
      ttlMs: ttlMs > 0 ? ttlMs : undefined,
      to: direct === 'direct' ? SUBSCRIPTIONS[0] : undefined,
    };
    const batch = Array.from({ length: count }, () => {
      const id = `m${++this.#published}`;
      return { ...plain, ...timed, id, body: id };
    });
    return (await this.opened.backend.publish(batch)).map(shown).join(' ');
  }

  async #receive({ receiver: number, max }: SeamCommand & { do: 'receive' }): Promise<string> {
    const receiver = this.#receivers[number] as Receiver;
    const abort = new AbortController();
    const receiving = receiver.receive(max, abort.signal);
    await this.world.time.pass(this.times.momentMs);
    abort.abort();
    const deliveries = await receiving;
    for (const delivery of deliveries) this.#deliveries.unshift({ delivery, receiver });
    return deliveries
      .map(({ id, attempt, crashes, failures }) => `${id}.${attempt}.${crashes}.${failures.length}`)
      .join(' ');
  }

  async #settle(command: SeamCommand & { do: Settlement['kind'] }): Promise<string> {
    const held = this.#deliveries[command.delivery];
    if (held === undefined) return 'nothing to settle';
    const { delivery, receiver } = held;
    const { delayMs } = command;
    const failure = this.#failure(delivery.attempt);
    const act = { delivery, failure, delayMs, leaseMs: this.times.leaseMs, kind: command.do } as Settlement;
    const [result] = await receiver.settle([act]);
    return `${delivery.id} ${typeof result === 'string' ? result : codeOf(result)}`;
  }

  async #reopen(number: number): Promise<string> {
    await this.#receivers[number]?.close();
    this.#receivers[number] = await this.#open(number);
    return 'done';
  }

  async #revive(): Promise<string> {
    const [subscription] = SUBSCRIPTIONS;
    const letters = await this.#inspect({ kind: 'browse', subscription, state: 'dead', limit: 10_000 });
    const counts: number[] = [];
    for (const letter of letters) {
      if (letter.kind !== 'message' || letter.holdsKey !== true) continue;
      const { ref, headers } = letter;
      const found = await this.#inspect({ kind: 'revive', subscription, ref, headers });
      counts.push(...found.map((item) => (item.kind === 'revived' ? item.count : 0)));
    }
    return counts.join(' ');
  }

  async #purge(state: 'ready' | 'delayed' | 'held' | 'dead'): Promise<string> {
    const found = await this.#inspect({ kind: 'purge', subscription: SUBSCRIPTIONS[0], state });
    return found.map((item) => (item.kind === 'purged' ? item.count : item.kind)).join(' ');
  }

  async #advance(ms: number): Promise<string> {
    await this.world.time.pass(ms);
    return 'done';
  }

  /** The first two receivers compete for one subscription, the last one has the other. */
  #open(number: number): Promise<Receiver> {
    const name = number < RECEIVERS - 1 ? SUBSCRIPTIONS[0] : SUBSCRIPTIONS[1];
    return this.opened.backend.open({ name, topics: [TOPIC], leaseMs: this.times.leaseMs });
  }

  async #inspect(query: InspectQuery): Promise<readonly Inspected[]> {
    const found: Inspected[] = [];
    for await (const item of this.opened.backend.inspect(query)) found.push(item);
    return found;
  }

  #failure(attempt: number): FailureRecord {
    const at = this.world.ambient.clock.now();
    const error = { name: 'Error', message: 'failed' };
    return { attempt, at, reason: 'handler_error', error, handler: 'Seam.handle', host: 'seam:1' };
  }
}

function shown(result: PublishResult): string {
  return result.status === 'stored' ? `stored ${result.copies}` : codeOf(result.error);
}
