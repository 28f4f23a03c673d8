import type { Receiver, Settlement } from '../../backend/backend.js';
import type { Delivery } from '../../message/delivery.js';
import { must, mustEqual } from '../expectations.js';
import type { Law } from '../law.js';
import { type LawBench, LEASE_MS, SUBSCRIPTION } from '../law-bench.js';
import { HOLDS_KEY, mustCount, nameOf, openEnsured } from '../law-order.js';

const KEYS = ['a', 'b', 'c'];
const EPISODES = 6;
const STEPS = 60;

/** Publishes, takes and settles at random, and knows what may come: the oldest message of each key, unless it is dead. */
class Player {
  /** Not acknowledged yet, by key, oldest first. */
  readonly #alive = new Map<string, string[]>(KEYS.map((key) => [key, []]));
  readonly #dead = new Set<string>();
  readonly #held: Delivery[] = [];
  /** Monotonic ms of the oldest lease in hand. */
  #heldSince = 0;
  #published = 0;

  constructor(
    private readonly bench: LawBench,
    private readonly receiver: Receiver,
  ) {}

  async step(): Promise<void> {
    const { time } = this.bench;
    if (time.clock.mono() - this.#heldSince > LEASE_MS / 2) await this.#forget();
    await this.#oneOf([
      () => this.#publish(),
      () => this.#take(),
      () => this.#settle('ack'),
      () => this.#settle('retry'),
      () => this.#settle('release'),
      () => this.#settle('dead'),
      () => this.#revive(),
      () => time.pass(5),
      () => this.#forget(),
    ]);
    await time.pass(2); // the place in line is a time in whole ms on some backends
  }

  /** Acknowledges all there is, and insists that it was all there was. */
  async finish(): Promise<void> {
    await this.#forget();
    while ([...this.#alive.values()].some(({ length }) => length > 0)) {
      await this.#revive();
      await this.#take();
      must(this.#held.length > 0, `nothing comes any more of ${JSON.stringify([...this.#alive])}`);
      while (this.#held.length > 0) await this.#settle('ack');
    }
    const { ready, delayed, held, dead } = await this.bench.depth();
    mustEqual({ ready, delayed, held, dead }, { ready: 0, delayed: 0, held: 0, dead: 0 }, 'the depth');
  }

  async #publish(): Promise<void> {
    const key = this.#pick(KEYS);
    const body = `${key}${this.#published++}`;
    this.#alive.get(key)?.push(body);
    await this.bench.publish(this.bench.message({ key, body }));
  }

  /** Waits for what is due soon, so that it is known what must come. */
  async #take(): Promise<void> {
    await this.bench.time.pass(60);
    const expected = KEYS.filter((key) => this.#isFree(key)).map(
      (key) => this.#alive.get(key)?.[0] as string,
    );
    await mustCount(this.bench, { ready: expected.length });
    if (expected.length === 0) return;
    const taken = await this.bench.take(this.receiver, expected.length);
    mustEqual(taken.map(nameOf).toSorted(), expected, 'what was handed out');
    if (this.#held.length === 0) this.#heldSince = this.bench.time.clock.mono();
    this.#held.push(...taken);
  }

  #isFree(key: string): boolean {
    const first = this.#alive.get(key)?.[0];
    const isHeld = this.#held.some((delivery) => delivery.key === key);
    return first !== undefined && !isHeld && !this.#dead.has(first);
  }

  async #settle(kind: 'ack' | 'retry' | 'release' | 'dead'): Promise<void> {
    const delivery = this.#held.shift();
    if (delivery === undefined) return;
    mustEqual(await this.bench.settle(this.receiver, this.#act(kind, delivery)), ['ok'], 'the answer');
    if (kind === 'ack') this.#alive.get(delivery.key as string)?.shift();
    if (kind === 'dead') this.#dead.add(nameOf(delivery));
  }

  #act(kind: 'ack' | 'retry' | 'release' | 'dead', delivery: Delivery): Settlement {
    const failure = this.bench.failure(delivery.attempt);
    const delayMs = this.#pick([0, 50]);
    switch (kind) {
      case 'ack':
        return { kind, delivery };
      case 'retry':
        return { kind, delivery, delayMs, failure };
      case 'release':
        return { kind, delivery, delayMs };
      case 'dead':
        return { kind, delivery, failure };
    }
  }

  async #revive(): Promise<void> {
    for (const { ref } of await this.bench.browse('dead')) {
      await this.bench.inspect({ kind: 'revive', subscription: SUBSCRIPTION, ref, headers: {} });
    }
    this.#dead.clear();
  }

  /** As a process that dies: its leases run out. */
  async #forget(): Promise<void> {
    if (this.#held.length === 0) return;
    this.#held.length = 0;
    await this.bench.time.pass(LEASE_MS + 2 * this.bench.time.slackMs);
  }

  #oneOf(moves: readonly (() => Promise<void>)[]): Promise<void> {
    return this.#pick(moves)();
  }

  #pick<T>(choices: readonly T[]): T {
    return choices[Math.floor(this.bench.ambient.random.next() * choices.length)] as T;
  }
}

/** E at the seam, by chance: what nobody thought of. */
export const ORDER_BY_CHANCE_LAWS: readonly Law[] = [
  {
    id: 'E17',
    title: 'whatever is done to whichever message, its key goes on with the oldest that is left',
    proves: ['order', 'onRetry', 'onDead'],
    gate: HOLDS_KEY,
    does: async (bench) => {
      const receiver = await openEnsured(bench);
      for (let episode = 0; episode < EPISODES; episode++) {
        const player = new Player(bench, receiver);
        for (let step = 0; step < STEPS; step++) await player.step();
        await player.finish();
      }
    },
  },
];
