import { QueueError } from '../../message/queue-error.js';
import type { RegisteredHandler } from '../../nest/queue.registry.js';
import type { Stage } from './stage.js';

/** A subscription that still has something to do. */
export interface OpenSubscription {
  readonly subscription: string;
  readonly backend: string;
  /** `Class.method`. */
  readonly handler: string;
  readonly state: RegisteredHandler['state'];
  readonly ready: number;
  readonly delayed: number;
  readonly inflight: number;
}

/** Something was still open when `settled` gave up. The message names it. */
export class NotSettledError extends QueueError {
  readonly code = 'not_settled';

  constructor(
    why: string,
    readonly open: readonly OpenSubscription[],
  ) {
    super(`not settled: ${why}. Still open: ${open.map(said).join('; ')}`);
  }
}

function said({ subscription, handler, backend, state, ...counts }: OpenSubscription): string {
  const { ready, delayed, inflight } = counts;
  return `"${subscription}" (${handler}, ${state}, on ${backend}) with ${ready} ready, ${delayed} delayed, ${inflight} in flight`;
}

export interface SettleLimits {
  /** Of virtual time. */
  readonly withinMs: number;
  readonly maxDeliveries: number;
}

/** Lets time run until no handler has anything left to do. Throws NotSettledError. */
export async function settle(stage: Stage, { withinMs, maxDeliveries }: SettleLimits): Promise<void> {
  const { clock, activity } = stage;
  const endsAt = clock.mono() + withinMs;
  const lastDelivery = activity.deliveries + maxDeliveries;
  const isOver = (): boolean => activity.deliveries > lastDelivery;
  const isBusy = (): boolean => stage.consumers.some(({ running, stuck }) => running > stuck);
  const quiet = stage.quiet();
  for (;;) {
    await quiet.comes(isBusy, isOver);
    const open = await openSubscriptions(stage);
    if (open.length === 0 && !isBusy()) return; // at most once: busy with what is settled
    if (isOver()) throw new NotSettledError(`there were more than ${maxDeliveries} deliveries`, open);
    const { nextInMs } = clock;
    if (nextInMs === undefined) throw new NotSettledError('no time will change anything', open);
    if (clock.mono() + nextInMs > endsAt)
      throw new NotSettledError(`it takes longer than ${withinMs} ms`, open);
    await clock.advance(nextInMs);
  }
}

async function openSubscriptions(stage: Stage): Promise<readonly OpenSubscription[]> {
  const all = await Promise.all(stage.handlers.map((handler) => openSubscription(stage, handler)));
  return all.filter(({ ready, delayed, inflight }) => ready + delayed + inflight > 0);
}

async function openSubscription(stage: Stage, registered: RegisteredHandler): Promise<OpenSubscription> {
  const { subscription, backend, handler, state } = registered;
  const { ready, delayed, inflight } = await stage.memories.depth(backend, subscription);
  return { subscription, backend, handler, state, ready, delayed, inflight };
}
