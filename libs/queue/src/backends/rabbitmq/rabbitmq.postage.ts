import type { PublishResult } from '../../backend/backend.js';
import type { Outgoing } from '../../message/outgoing.js';
import type { QueueError } from '../../message/queue-error.js';
import type { Answers, Sent } from './rabbitmq.sending.js';

/** Messages of one publish that go out together: what the broker says of one is the result of its place in the publish. */
export class Postage implements Answers<Sent> {
  readonly messages: Outgoing[] = [];
  readonly #places: number[] = [];
  #answered = 0;
  #release: (() => void) | undefined;

  constructor(
    private readonly results: Answers<PublishResult>,
    private readonly resultOf: (message: Outgoing, sent: Sent) => PublishResult,
  ) {}

  add(message: Outgoing, place: number): void {
    this.messages.push(message);
    this.#places.push(place);
  }

  answered(at: number, sent: Sent): void {
    const result = this.resultOf(this.messages[at] as Outgoing, sent);
    this.results.answered(this.#places[at] as number, result);
    if (++this.#answered === this.messages.length) this.#release?.();
  }

  refused(error: QueueError): void {
    for (const at of this.#places) this.results.answered(at, { status: 'refused', error });
  }

  /** To be called when it is on its way: `giveUp` ends what has no answer by then. */
  endsWith(signal: AbortSignal, giveUp: () => void): void {
    if (signal.aborted) return giveUp();
    if (this.#answered === this.messages.length) return;
    signal.addEventListener('abort', giveUp, { once: true });
    this.#release = () => signal.removeEventListener('abort', giveUp);
  }
}
