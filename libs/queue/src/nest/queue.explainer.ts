import type { HandlerPlan } from './handler.plan.js';
import { NotPlannedError } from './nest.errors.js';
import { planTable } from './plan.table.js';

/** What the plan of the application is kept in from its start on. */
export class Plans {
  #made: readonly HandlerPlan[] | undefined;

  /** Throws NotPlannedError before the start. */
  get all(): readonly HandlerPlan[] {
    if (this.#made !== undefined) return this.#made;
    throw new NotPlannedError('there is no plan yet: ask for it after the application has started');
  }

  set(plans: readonly HandlerPlan[]): void {
    this.#made = plans;
  }
}

/** Tells what every handler of the application can rely on, and what can still happen to it. */
export class QueueExplainer {
  readonly #plans: Plans;

  constructor(plans: Plans) {
    this.#plans = plans;
  }

  /** One per handler, consumed by this process or not. Throws NotPlannedError before the application has started. */
  plan(): readonly HandlerPlan[] {
    return this.#plans.all;
  }

  /** The plan as aligned text. Throws NotPlannedError before the application has started. */
  table(): string {
    return planTable(this.#plans.all);
  }
}
