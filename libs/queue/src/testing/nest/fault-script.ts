import type { MessageContext } from '../../interceptors/message-context.js';
import { QueueError } from '../../message/queue-error.js';

/** What a handling fails with when a script says that it fails, and not with what. */
export class ScriptedFailureError extends QueueError {
  readonly code = 'scripted_failure';

  constructor({ id, subscription }: MessageContext) {
    super(`message ${id} of subscription "${subscription}" was not handled: the test's script made it fail`);
  }
}

export type FaultKind = 'duplicate' | 'reorder' | 'fail' | 'crash-before-ack';

export interface FaultTiming {
  /** Which one it strikes, counted from now on. Default 1: the next. */
  readonly nth?: number;
}

export interface FailureTiming extends FaultTiming {
  /** What the handling throws, such as a `Reject`. Default: a ScriptedFailureError. */
  readonly error?: Error;
}

/** A fault that has not struck yet. */
export interface PlannedFault {
  readonly kind: FaultKind;
  readonly subscription: string;
  /** How many more it takes until it strikes. */
  readonly nth: number;
}

interface Plan extends PlannedFault {
  readonly error: Error | undefined;
}

/** What goes wrong, to which delivery, on purpose. Each fault strikes once; nothing is ever lost. */
export class FaultScript {
  #plans: readonly Plan[] = [];

  constructor(private readonly checkSubscription: (name: string) => void) {}

  /** What did not strike yet: a test that ends with some was not the test it looks like. */
  get pending(): readonly PlannedFault[] {
    return this.#plans.map(({ kind, subscription, nth }) => ({ kind, subscription, nth }));
  }

  /** The message of that delivery is delivered once more. */
  duplicate(subscription: string, timing: FaultTiming = {}): void {
    this.#plan('duplicate', subscription, timing);
  }

  /** The message of that delivery is overtaken by everything that is ready by then, or published before time moves on. */
  reorder(subscription: string, timing: FaultTiming = {}): void {
    this.#plan('reorder', subscription, timing);
  }

  /** That handling throws in the place of the handler. */
  fail(subscription: string, timing: FailureTiming = {}): void {
    this.#plan('fail', subscription, timing);
  }

  /**
   * The handler is done, and then its process dies before the broker hears of it: the message comes again when its
   * lease ends, with a crash counted. Other handlers run on.
   */
  crashBeforeAck(subscription: string, timing: FaultTiming = {}): void {
    this.#plan('crash-before-ack', subscription, timing);
  }

  clear(): void {
    this.#plans = [];
  }

  /** Whether a fault strikes now; to be asked once for each occasion. */
  strikes(kind: FaultKind, subscription: string): boolean {
    return this.#struck(kind, subscription) !== undefined;
  }

  /** Throws what the script says about this handling, if it says anything. */
  failIfPlanned(context: MessageContext): void {
    const plan = this.#struck('fail', context.subscription);
    if (plan !== undefined) throw plan.error ?? new ScriptedFailureError(context);
  }

  #plan(kind: FaultKind, subscription: string, { nth = 1, error }: FailureTiming): void {
    this.checkSubscription(subscription);
    if (!Number.isSafeInteger(nth) || nth < 1) throw new RangeError(`nth is ${nth}: give 1, 2, 3 …`);
    this.#plans = [...this.#plans, { kind, subscription, nth, error }];
  }

  #struck(kind: FaultKind, subscription: string): Plan | undefined {
    const concerns = (plan: Plan): boolean => plan.kind === kind && plan.subscription === subscription;
    const struck = this.#plans.find((plan) => concerns(plan) && plan.nth === 1);
    this.#plans = this.#plans
      .filter((plan) => plan !== struck)
      .map((plan) => (concerns(plan) ? { ...plan, nth: Math.max(1, plan.nth - 1) } : plan));
    return struck;
  }
}
