import type { Receiver, Settlement, SettleResult } from '../backend/backend.js';
import { ForwardingBackend, ForwardingReceiver } from '../backend/forwarding-backend.js';
import type { SubscriptionSpec } from '../backend/topology.js';
import type { ConsumerOptions } from '../consume/consumer-options.js';
import type { Delivery } from '../message/delivery.js';
import type { ConsumePolicies } from '../policies/consume.policies.js';
import type { Store } from '../store/store.js';
import { AlteredBackend } from './altered-backend.js';
import type { Mutant } from './mutant.js';

/** Mistakes of a consumer. */
export const CONSUMING_MUTANTS: readonly Mutant[] = [
  consuming(
    'never renews a lease',
    'G1',
    withPolicies(({ leaseMs }) => ({ maxLeaseMs: leaseMs })),
  ),
  consuming(
    'cuts the fractions off its waits',
    'C2',
    withPolicies(({ retry }) => ({
      retry: { ...retry, backoff: (...given) => Math.trunc(retry.backoff(...given) / 1_000) * 1_000 },
    })),
  ),
  consuming(
    'tries once more than it was told',
    'D1',
    withPolicies(({ retry }) => ({ retry: { ...retry, attempts: retry.attempts + 1 } })),
  ),
  consuming(
    'handles more at once than it was told',
    'H1',
    withPolicies(({ concurrency }) => ({ concurrency: concurrency + 1 })),
  ),
  consuming('takes a handler that failed for one that ended well', 'D1', (options) =>
    withHandler(options, async (run) => {
      try {
        await run();
      } catch {
        return;
      }
    }),
  ),
  consuming('runs the handler twice for one delivery', 'D1', (options) =>
    withHandler(options, async (run) => {
      await Promise.all([run(), run()]);
    }),
  ),
  consuming('takes a settlement that failed for one that was done', 'B12', (options) => ({
    ...options,
    backend: new AlteredBackend(options.backend, {
      settle: async (acts, rightly) => (await rightly(acts)).map((result) => trusting(result)),
    }),
  })),
  consuming('forgets a dead letter that could not be written', 'D7', (options) => ({
    ...options,
    backend: new AlteredBackend(options.backend, {
      settle: async (acts, rightly) => {
        const results = await rightly(acts);
        return results.map((result, at) => (acts[at]?.kind === 'dead' ? trusting(result) : result));
      },
    }),
  })),
  consuming('closes before it has drained', 'H6', (options) => ({
    ...options,
    backend: new HastyBackend(options.backend),
  })),
  consuming('asks for all there is, whatever room it has', 'H1', (options) => ({
    ...options,
    backend: new GreedyBackend(options.backend),
  })),
  consuming('never replaces a receiver that is wedged', 'G6', (options) => ({
    ...options,
    watch: undefined,
  })),
  consuming('remembers a handled key for all subscriptions together', 'J3a', (options) => ({
    ...options,
    store: options.store && new ForgetfulOfScope(options.store),
  })),
];

function consuming(name: string, breaks: string, alter: NonNullable<Mutant['alter']>): Mutant {
  return { name, breaks, alter };
}

function withPolicies(
  change: (policies: ConsumePolicies) => Partial<ConsumePolicies>,
): (options: ConsumerOptions) => ConsumerOptions {
  return (options) => ({ ...options, policies: { ...options.policies, ...change(options.policies) } });
}

function withHandler(
  { handler, ...rest }: ConsumerOptions,
  around: (run: () => Promise<unknown>) => Promise<void>,
): ConsumerOptions {
  const { name } = handler;
  return { ...rest, handler: { name, handle: (context) => around(async () => handler.handle(context)) } };
}

function trusting(result: SettleResult): SettleResult {
  return typeof result === 'string' ? result : 'ok';
}

/** Gives up its connection as soon as it is told to take nothing more. */
class HastyBackend extends ForwardingBackend {
  override async open(spec: SubscriptionSpec): Promise<Receiver> {
    return new HastyReceiver(await this.inner.open(spec));
  }
}

class HastyReceiver extends ForwardingReceiver {
  #isOver = false;

  override receive(max: number, signal: AbortSignal): Promise<readonly Delivery[]> {
    signal.addEventListener('abort', () => (this.#isOver = true), { once: true });
    return this.inner.receive(max, signal);
  }

  override settle(acts: readonly Settlement[]): Promise<readonly SettleResult[]> {
    return this.#isOver ? Promise.resolve(acts.map(() => 'lost')) : this.inner.settle(acts);
  }
}

class GreedyBackend extends ForwardingBackend {
  override async open(spec: SubscriptionSpec): Promise<Receiver> {
    return new GreedyReceiver(await this.inner.open(spec));
  }
}

class GreedyReceiver extends ForwardingReceiver {
  override receive(_max: number, signal: AbortSignal): Promise<readonly Delivery[]> {
    return this.inner.receive(1_000, signal);
  }
}

/** Keys of one name are one key, whichever subscription asks. */
class ForgetfulOfScope implements Store {
  constructor(private readonly inner: Store) {}

  read(keys: readonly string[]): ReturnType<Store['read']> {
    return this.inner.read(keys.map(unscoped));
  }

  write(...[ops, options]: Parameters<Store['write']>): ReturnType<Store['write']> {
    return this.inner.write(
      ops.map((op) => ({ ...op, key: unscoped(op.key) })),
      options,
    );
  }

  scan(...given: Parameters<Store['scan']>): ReturnType<Store['scan']> {
    return this.inner.scan(...given);
  }

  close(): Promise<void> {
    return this.inner.close();
  }
}

function unscoped(key: string): string {
  return key.replace(/^idempotency\/[^/]+\//, 'idempotency/');
}
