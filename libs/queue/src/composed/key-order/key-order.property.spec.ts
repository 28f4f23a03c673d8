import fc from 'fast-check';
import type { InspectQuery } from '../../backend/inspect.js';
import type { Delivery } from '../../message/delivery.js';
import {
  Office,
  type OfficeProcess,
  SPEC_LEASE_MS,
  SUBSCRIPTION,
  TAKE_OVER_MS,
} from './key-order.fixture.js';

/** The same sequences every time, so that a red run is about a change; another seed or more runs look for more. */
const RUNS = { numRuns: 40, seed: 2_026 };
const KEYS = ['a', 'b', 'c'] as const;

type Step =
  | { readonly do: 'publish'; readonly key: (typeof KEYS)[number]; readonly count: number }
  | { readonly do: 'take'; readonly who: 0 | 1; readonly max: number }
  | { readonly do: 'settle'; readonly kind: Kind; readonly at: number; readonly delayMs: number }
  | { readonly do: 'pass'; readonly ms: number }
  | { readonly do: 'kill' | 'stop'; readonly who: 0 | 1 }
  | { readonly do: 'cut'; readonly who: 0 | 1; readonly how: OfficeProcess['cut'] }
  | { readonly do: 'deafen'; readonly who: 0 | 1; readonly isDeaf: boolean }
  | { readonly do: 'revive' | 'purge' };
type Kind = 'ack' | 'retry' | 'release' | 'dead' | 'extend';

const who = fc.constantFrom(0 as const, 1 as const);
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({
      do: fc.constant('publish' as const),
      key: fc.constantFrom(...KEYS),
      count: fc.integer({ min: 1, max: 3 }),
    }),
  },
  {
    weight: 6,
    arbitrary: fc.record({ do: fc.constant('take' as const), who, max: fc.integer({ min: 1, max: 4 }) }),
  },
  {
    weight: 8,
    arbitrary: fc.record({
      do: fc.constant('settle' as const),
      kind: fc.constantFrom<Kind>('ack', 'ack', 'ack', 'retry', 'release', 'dead', 'extend'),
      at: fc.integer({ min: 0, max: 3 }),
      delayMs: fc.constantFrom(0, 0, 200, 4_000),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      do: fc.constant('pass' as const),
      ms: fc.constantFrom(1, 500, 1_600, 3_100, 25_000),
    }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constantFrom('kill' as const, 'stop' as const), who }) },
  {
    weight: 1,
    arbitrary: fc.record({
      do: fc.constant('cut' as const),
      who,
      how: fc.constantFrom('none' as const, 'none' as const, 'before' as const, 'after' as const),
    }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('deafen' as const), who, isDeaf: fc.boolean() }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constantFrom('revive' as const, 'purge' as const) }) },
);

interface Held {
  leaseEndsAt: number;
  readonly process: OfficeProcess;
  readonly delivery: Delivery;
}

/** Knows of every message whether it is done with, as far as anybody can know. */
class Witness {
  /** By key, in the order of publication. */
  readonly #names = new Map<string, string[]>();
  readonly #done = new Set<string>();
  /** Somebody may have been told too late, or not at all, that it is done with. */
  readonly #maybe = new Set<string>();
  readonly #dead = new Set<string>();
  readonly held: Held[] = [];
  readonly log: string[] = [];
  #processes: [OfficeProcess, OfficeProcess];
  #count = 0;

  constructor(private readonly office: Office) {
    this.#processes = [office.process(), office.process()];
  }

  async run(given: Step): Promise<void> {
    this.log.push(JSON.stringify(given));
    switch (given.do) {
      case 'publish': {
        const names = Array.from({ length: given.count }, () => `${given.key}${this.#count++}`);
        this.#names.set(given.key, [...(this.#names.get(given.key) ?? []), ...names]);
        return this.office.publish(...names);
      }
      case 'take':
        return this.#take(this.#processes[given.who], given.max);
      case 'settle':
        return this.#settle(given);
      case 'pass':
        return this.office.clock.advance(given.ms);
      case 'kill':
        this.#processes[given.who].view.kill();
        return this.#renew(given.who);
      case 'stop':
        await this.#processes[given.who].stop();
        return this.#renew(given.who);
      case 'cut':
        this.#processes[given.who].cut = given.how;
        return;
      case 'deafen': {
        const { view } = this.#processes[given.who];
        view.settleFailure = given.isDeaf ? view.gone('settle') : undefined;
        return;
      }
      default:
        return this.#administer(given.do);
    }
  }

  #renew(which: 0 | 1): void {
    this.#processes[which] = this.office.process();
  }

  async #take(process: OfficeProcess, max: number): Promise<void> {
    const taken = await process.take(max, 20);
    for (const delivery of taken) {
      this.#check(delivery);
      this.held.push({ process, delivery, leaseEndsAt: this.office.clock.mono() + delivery.leaseMs });
    }
  }

  #check({ key, body, attempt, crashes, failures }: Delivery): void {
    const name = String(body);
    this.log.push(`  ${name} attempt ${attempt}, ${crashes} crashes`);
    const names = this.#names.get(key as string) ?? [];
    if (this.#done.has(name)) throw new RangeError(`${name} came after its end`);
    if (this.#dead.has(name)) throw new RangeError(`${name} came although it is dead`);
    if (attempt < 1 + crashes + failures.length)
      throw new RangeError(`${name}: attempt ${attempt} counts too little`);
    const now = this.office.clock.mono();
    const rival = this.held.find((held) => held.delivery.key === key && held.leaseEndsAt > now + 25);
    if (rival !== undefined) throw new RangeError(`${name} came beside ${String(rival.delivery.body)}`);
    const before = names.slice(0, names.indexOf(name));
    const left = before.filter((other) => !this.#done.has(other) && !this.#maybe.has(other));
    if (left.length > 0) throw new RangeError(`${name} came before ${left.join()}`);
    for (const other of before) this.#done.add(other); // nothing may come again that something overtook
  }

  async #settle({ kind, at, delayMs }: Step & { readonly do: 'settle' }): Promise<void> {
    const held = this.held[at];
    if (held === undefined) return;
    const { process, delivery } = held;
    if (kind !== 'extend') this.held.splice(at, 1);
    const result = await process.settle(kind, delivery, delayMs);
    this.log.push(`  ${String(delivery.body)} ${kind}: ${typeof result === 'string' ? result : result.code}`);
    const name = String(delivery.body);
    if (kind === 'ack') (result === 'ok' ? this.#done : this.#maybe).add(name);
    if (kind === 'dead' && result === 'ok') this.#dead.add(name);
    if (kind === 'extend' && result === 'ok') held.leaseEndsAt = this.office.clock.mono() + SPEC_LEASE_MS;
  }

  async #administer(what: 'revive' | 'purge'): Promise<void> {
    const admin = this.office.process();
    for (const letter of await letters(admin)) {
      const { ref, body, holdsKey } = letter;
      if (holdsKey !== true) throw new RangeError(`${String(body)} does not hold its key`);
      const query: InspectQuery =
        what === 'revive'
          ? { kind: 'revive', subscription: SUBSCRIPTION, ref, headers: {} }
          : { kind: 'purge', subscription: SUBSCRIPTION, state: 'dead', ref };
      for await (const item of admin.backend.inspect(query))
        if ('count' in item && item.count !== 1) throw new RangeError('not found');
      this.#dead.delete(String(body));
      if (what === 'purge') this.#done.add(String(body));
    }
    await admin.stop();
  }

  /** Everything that is left comes, in its order, and then there is nothing. */
  async finish(): Promise<void> {
    for (const process of this.#processes) {
      process.cut = 'none';
      process.view.settleFailure = undefined;
      await process.stop();
    }
    const last = this.office.process();
    await this.#administer('revive');
    for (let quiet = 0; quiet < 2;) {
      const taken = await last.take(3, TAKE_OVER_MS);
      quiet = taken.length === 0 ? quiet + 1 : 0;
      for (const delivery of taken) {
        this.#check(delivery);
        if ((await last.settle('ack', delivery)) === 'ok') this.#done.add(String(delivery.body));
      }
    }
    const lost = [...this.#names.values()]
      .flat()
      .filter((name) => !this.#done.has(name) && !this.#maybe.has(name));
    if (lost.length > 0) throw new RangeError(`${lost.join()} never came`);
    if ((await this.office.parked()).length > 0)
      throw new RangeError(`left: ${(await this.office.parked()).join()}`);
    await last.stop();
  }
}

async function letters(admin: OfficeProcess) {
  const query = { kind: 'browse', subscription: SUBSCRIPTION, state: 'dead', limit: 100 } as const;
  const found = [];
  for await (const item of admin.backend.inspect(query)) if (item.kind === 'message') found.push(item);
  return found;
}

describe('a key gate, by chance', () => {
  it('keeps the order of every key and loses nothing, whoever dies, is cut off or goes on late', async () => {
    const keeps = fc.asyncProperty(
      fc.array(step, { minLength: 10, maxLength: 60, size: 'max' }),
      async (steps) => {
        const witness = new Witness(await Office.open());
        try {
          for (const each of steps) await witness.run(each);
          await witness.finish();
        } catch (error) {
          throw new RangeError(`${String(error)}\n${witness.log.join('\n')}`);
        }
      },
    );
    await expect(fc.assert(keeps, RUNS)).resolves.toBeUndefined();
  }, 120_000);
});
