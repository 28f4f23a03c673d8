import type { Reply } from '../message/reply.js';

/**
 * One request that waits. Takes the parts of its answer in any order and any number of times, and passes each on
 * once, in order: of two runs of the handler, whichever part comes first wins.
 */
export class PendingRequest {
  #next = 0;
  #isDone = false;
  readonly #early = new Map<number, Reply>();

  constructor(private readonly onReply: (reply: Reply) => void) {}

  /** Nothing more is wanted. */
  get isDone(): boolean {
    return this.#isDone;
  }

  /** False: this part was here before. */
  take(reply: Reply): boolean {
    if (this.#isDone || reply.seq < this.#next || this.#early.has(reply.seq)) return false;
    this.#early.set(reply.seq, reply);
    for (let next = this.#shift(); next !== undefined; next = this.#shift()) {
      this.#isDone = next.kind !== 'value';
      this.onReply(next);
      if (this.#isDone) this.#early.clear();
    }
    return true;
  }

  #shift(): Reply | undefined {
    const reply = this.#early.get(this.#next);
    if (reply !== undefined) this.#early.delete(this.#next++);
    return reply;
  }
}
