import type { Channel, ConsumeMessage } from 'amqplib';

/** What one channel brought, in the order of its delivery tags, which the broker counts from 1 on. */
interface Brought {
  readonly message: ConsumeMessage;
  /** `open`: somebody has it. `done`: to be acknowledged. `over`: the broker was told. */
  state: 'open' | 'done' | 'over';
}

/**
 * Acknowledges many messages with one frame. A frame that says "and all before" is sent only over those that are all
 * done: one that is still open in front of it would be gone with it.
 */
export class AckLine {
  readonly #channel: Channel;
  #line: Brought[] = [];
  /** Tag of the first one in the line. */
  #first = 1;
  /** Done since the last flush. */
  #done: Brought[] = [];
  #unacked = 0;
  #isHeld = false;
  readonly #whenTold: (() => void)[] = [];

  constructor(channel: Channel) {
    this.#channel = channel;
  }

  /** Messages that the broker counts against the prefetch of this channel. */
  get unacked(): number {
    return this.#unacked;
  }

  add(message: ConsumeMessage): void {
    this.#line.push({ message, state: 'open' });
    this.#unacked++;
  }

  /** Told to the broker with the next flush. */
  ack(message: ConsumeMessage): void {
    const brought = this.#find(message);
    if (brought?.state !== 'open') return;
    brought.state = 'done';
    this.#done.push(brought);
  }

  /** Ready again at once, and counted by the broker as a delivery that came to nothing. */
  giveBack(message: ConsumeMessage): void {
    const brought = this.#find(message);
    if (brought?.state !== 'open') return;
    this.#over(brought);
    // RabbitMQ 4.3 does not count what is given back by `nack`; before, the two are the same.
    this.#tell(() => this.#channel.reject(message, true));
  }

  /** Tells the broker nothing until `resume`, so that it has no reason to push more. */
  hold(): void {
    this.#isHeld = true;
  }

  resume(): void {
    this.#isHeld = false;
    this.flush();
    for (const told of this.#whenTold.splice(0)) told();
  }

  /** Resolves when what is done has left the process: whoever is told of it may end the process at once. */
  async told(): Promise<void> {
    if (this.#isHeld) await new Promise<void>((resolve) => this.#whenTold.push(resolve));
    await nextTurn(); // the driver writes in the turn after
    await nextTurn();
  }

  flush(): void {
    if (this.#done.length === 0 || this.#isHeld) return;
    const { last, passed } = this.#prefix();
    if (last !== undefined) this.#tell(() => this.#channel.ack(last.message, passed > 1));
    for (const brought of this.#done) {
      if (brought.state !== 'done') continue;
      this.#over(brought);
      this.#tell(() => this.#channel.ack(brought.message));
    }
    this.#done = [];
  }

  /** Takes away what is finished at the front; `last` is the one whose frame tells of all of it. */
  #prefix(): { readonly last: Brought | undefined; readonly passed: number } {
    let last: Brought | undefined;
    let passed = 0;
    let at = 0;
    for (; at < this.#line.length && this.#line[at]?.state !== 'open'; at++) {
      const brought = this.#line[at] as Brought;
      if (brought.state !== 'done') continue;
      last = brought;
      passed++;
      this.#over(brought);
    }
    if (at > 0) this.#line.splice(0, at);
    this.#first += at;
    return { last, passed };
  }

  /** Over a channel that is closed nothing is told: the broker has taken everything back. */
  #tell(frame: () => void): void {
    try {
      frame();
    } catch {
      this.#done = [];
    }
  }

  #over(brought: Brought): void {
    brought.state = 'over';
    this.#unacked--;
  }

  #find({ fields }: ConsumeMessage): Brought | undefined {
    return this.#line[fields.deliveryTag - this.#first];
  }
}

function nextTurn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
