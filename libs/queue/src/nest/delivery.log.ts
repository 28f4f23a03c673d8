import type { Logger } from '@nestjs/common';
import type { Settlement, SettleResult } from '../backend/backend.js';
import type { ConsumerListener } from '../consume/consumer-options.js';
import type { Handling } from '../interceptors/handling.js';
import { describeError } from '../message/error-info.js';
import type { Bus } from '../publish/bus.js';
import { sayTo } from './say.js';

/** Tells the bus what became of each message, and the log the first failure and the end of a bad one. No payloads. */
export class DeliveryLog implements ConsumerListener {
  constructor(
    private readonly bus: Bus,
    private readonly logger: Logger,
  ) {}

  settled(handling: Handling, settlement: Settlement, result: SettleResult): void {
    this.bus.settled(settlement, result);
    if (result !== 'ok') return;
    if (settlement.kind === 'dead') this.#dead(handling, settlement);
    else if (settlement.kind === 'retry' && handling.attempt === 1) this.#failed(handling, settlement);
  }

  fault(subscription: string, doing: string, error: unknown): void {
    sayTo(
      this.logger,
      'error',
      `subscription "${subscription}" could not ${doing}: ${describeError(error).message}`,
    );
  }

  expired(subscription: string, count: number): void {
    sayTo(
      this.logger,
      'log',
      `${count} dead letters of "${subscription}" were older than they are kept, and are gone`,
    );
  }

  #dead({ id, subscription }: Handling, { failure }: Settlement & { kind: 'dead' }): void {
    const { attempt, reason, error, handler } = failure;
    sayTo(
      this.logger,
      'error',
      `message ${id} is a dead letter of "${subscription}": ${handler}, attempt ${attempt}, ${reason}: ${error.message}`,
    );
  }

  #failed(
    { id, subscription }: Handling,
    { failure, delayMs }: Settlement & { kind: 'retry'; delayMs: number },
  ): void {
    const { reason, error, handler } = failure;
    sayTo(
      this.logger,
      'warn',
      `message ${id} of "${subscription}" comes again in ${Math.round(delayMs)} ms: ${handler}, ${reason}: ${error.message}`,
    );
  }
}
