import type { PublishResult } from '../backend/backend.js';
import type { Outgoing } from '../message/outgoing.js';
import type { QueueError } from '../message/queue-error.js';
import { answer, metBounds, type Promised } from './publish-answer.js';
import type { Receipt } from './publish-options.js';

/** One publish that waits for its result. */
export interface WaitingPublish {
  readonly message: Outgoing;
  /** Monotonic ms since when it waits behind another call; undefined: it was sent at once. */
  since: number | undefined;
  end(result: PublishResult): void;
}

/** Decides what becomes of a message that met the bounds of a subscription. */
export type Pressed = (message: Outgoing, result: PublishResult) => PublishResult | Promise<PublishResult>;

/** Somebody waits for the receipt. A class, because a function for each message is more than all the rest of it. */
export class WaitingReceipt implements WaitingPublish, Promised {
  resolve!: (receipt: Receipt) => void;
  reject!: (error: QueueError) => void;
  since: number | undefined = undefined;

  constructor(
    readonly message: Outgoing,
    private readonly pressed: Pressed | undefined,
  ) {}

  end(result: PublishResult): void {
    const { message, pressed } = this;
    if (pressed === undefined || !metBounds(result)) return answer(message, result, this);
    void Promise.resolve(pressed(message, result)).then((last) => answer(message, last, this));
  }
}

/** Somebody waits for the result as the backend gives it. */
export class WaitingResult implements WaitingPublish {
  resolve!: (result: PublishResult) => void;
  since: number | undefined = undefined;

  constructor(readonly message: Outgoing) {}

  end(result: PublishResult): void {
    this.resolve(result);
  }
}
