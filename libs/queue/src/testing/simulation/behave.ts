import { type Clock, sleep } from '../../ambient/clock.js';
import type { Random } from '../../ambient/random.js';
import { QueueError } from '../../message/queue-error.js';
import { Reject } from '../../policies/verdicts.js';
import type { Behaviour } from './commands.js';

/** What a handler may do to the process it runs in. */
export interface BehaviourHost {
  readonly clock: Clock;
  readonly random: Random;
  readonly signal: AbortSignal;
  readonly kill: () => void;
  readonly publish: () => void;
}

const QUICK_MS = 20;
const SLOW_MS = 1_000;

/** What a handler of a simulation throws. */
export class SimulatedFailure extends QueueError {
  readonly code = 'simulated_failure';
}

/** Does what a handler was told to do. `crash` and `hang` never end. */
export async function behave(
  behaviour: Behaviour,
  { clock, random, signal, kill, publish }: BehaviourHost,
): Promise<void> {
  switch (behaviour) {
    case 'ok':
      return random.next() < 0.5 ? undefined : sleep(clock, 1 + random.next() * QUICK_MS);
    case 'slow':
      return sleep(clock, 1 + random.next() * SLOW_MS);
    case 'throw':
      throw new SimulatedFailure('the handler failed');
    case 'reject':
      throw new Reject('no later attempt can mend it');
    case 'hang':
      return never();
    case 'heed':
      return untilTold(signal);
    case 'crash':
      kill();
      return never();
    case 'publish':
      return publish();
  }
}

function never(): Promise<never> {
  return new Promise(() => undefined);
}

function untilTold(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    const stop = (): void => reject(signal.reason as Error);
    if (signal.aborted) stop();
    else signal.addEventListener('abort', stop, { once: true });
  });
}
