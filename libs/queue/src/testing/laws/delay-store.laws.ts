import type { Backend } from '../../backend/backend.js';
import { UnsupportedError } from '../../backend/backend.errors.js';
import type { Capabilities, Delay } from '../../backend/capabilities.js';
import { DelayStoreBackend } from '../../composed/delay-store/delay-store.backend.js';
import { fixed } from '../../policies/backoff.js';
import { resolvePolicies } from '../../policies/consume.policies.js';
import { compile } from '../../policies/plan.js';
import { requirementsOf } from '../../policies/requirements.js';
import { DEFAULT_RETRY } from '../../policies/retry.policy.js';
import { AlteredBackend } from '../altered-backend.js';
import { must, mustEqual } from '../expectations.js';
import type { Gate, Law } from '../law.js';
import type { LawBench } from '../law-bench.js';
import { ProcessView } from '../process-view.js';

/** Whether a backend can keep what another one cannot delay. */
export const keepsDelays: Gate['met'] = ({ delay, lane, fanout }) =>
  lane && fanout === 'named' && delay.publish !== false && delay.publish.kind === 'exact';
const KEEPS_DELAYS: Gate = { needs: 'exact delays and lanes', met: keepsDelays };
const NATIVE_MS = 20;
const NATIVE: Delay = Object.freeze({ kind: 'exact', maxMs: NATIVE_MS, resolutionMs: 1 });
/** That of a delay store, and some more. */
const TAKEOVER_MS = 30_000;

/** C: delays that a backend cannot keep itself. The one under the laws is the one that keeps them. */
export const DELAY_STORE_LAWS: readonly Law[] = [
  {
    id: 'C7',
    title: 'a retry later than the backend can delay is refused when it is planned',
    does: async (bench) => {
      const retry = { ...DEFAULT_RETRY, attempts: 2, backoff: fixed(NATIVE_MS + 1) };
      const delay = { publish: NATIVE, retry: NATIVE };
      const capabilities: Capabilities = { ...bench.capabilities, delay };
      const requirements = requirementsOf(resolvePolicies('Laws.handle', { retry }));
      const plan = compile(requirements, capabilities, { remembers: true, accept: [] });
      const answer = plan.find(({ need }) => need === 'retry')?.answer;
      mustEqual(answer, 'refused', 'the answer to a retry that is too late');
    },
  },
  {
    id: 'C7b',
    title: 'a publish that one backend cannot delay waits on another one, and comes when it is due',
    gate: KEEPS_DELAYS,
    does: async (bench) => {
      const store = delayStore(bench, bench.backend);
      const startedAt = bench.time.clock.mono();
      const [result] = await store.publish([bench.message({ delayMs: 400 })]);
      mustEqual(result?.status, 'stored', 'the answer to the publish');
      const receiver = await bench.receiver();
      const delivery = await bench.takeOne(receiver);
      must(bench.time.clock.mono() - startedAt >= 399, 'it must not come before its time');
      await bench.ack(receiver, delivery);
    },
  },
  {
    id: 'C7c',
    title: 'a process that dies between the publish and the note of it loses no delayed message',
    gate: KEEPS_DELAYS,
    does: async (bench) => {
      const process = new ProcessView(bench.backend);
      const dying = delayStore(bench, process, () => process.kill());
      const [message, other] = [bench.message({ delayMs: 100 }), bench.message({ delayMs: 100 })];
      const receiver = await bench.receiver();
      for (const [store, sent] of [
        [dying, message],
        [delayStore(bench, bench.backend), other],
      ] as const) {
        await store.publish([sent]);
        const delivery = await bench.takeOne(receiver);
        mustEqual(delivery.id, sent.id, 'what came');
        await bench.ack(receiver, delivery);
      }
      const again = await bench.takeOne(receiver, TAKEOVER_MS);
      mustEqual(again.id, message.id, 'the repetition of what the dead process had under way');
      await bench.ack(receiver, again);
    },
  },
];

/** Over a broker that delays for hardly any time; `later` keeps the rest. */
function delayStore(bench: LawBench, later: Backend, published = (): void => undefined): DelayStoreBackend {
  const short = new ShortDelays(bench.backend, published);
  return closing(bench, new DelayStoreBackend(short, { later, ambient: bench.ambient, host: 'laws:1' }));
}

/** Delays for NATIVE_MS and no longer. */
export class ShortDelays extends AlteredBackend {
  constructor(inner: Backend, published: () => void) {
    super(inner, {
      publish: async (batch, rightly) => {
        const error = new UnsupportedError('short', 'delay a message for long', 'do not ask for it');
        if (batch.some(({ delayMs = 0 }) => delayMs > NATIVE_MS))
          return batch.map(() => ({ status: 'refused', error }));
        const results = await rightly(batch);
        published();
        return results;
      },
    });
  }

  override get capabilities(): Capabilities {
    return { ...super.capabilities, delay: { publish: NATIVE, retry: NATIVE } };
  }

  /** It is the bench's, and stays open. */
  override close(): Promise<void> {
    return Promise.resolve();
  }
}

/** It ends with the law. */
export function closing(bench: LawBench, store: DelayStoreBackend): DelayStoreBackend {
  bench.onEnd(() => store.close(new Date(bench.ambient.clock.now() + 1_000)));
  return store;
}
