import type { Socket } from 'node:net';
import { setImmediate as turn } from 'node:timers/promises';
import { type Clock, sleep } from '../../ambient/clock.js';
import type { CutWatch } from './cut-watch.js';
import { isOpen, type NetworkFault, PASSING } from './network-fault.js';

/** Bytes on their way, or the end of the stream. */
interface Held {
  readonly what: Buffer | 'end' | 'reset';
  readonly dueAt: number;
}

/** As much waits here as the buffers of a network would hold; then the sender is not read any more. */
const MOST_HELD_BYTES = 1024 * 1024;

export interface PipeEnds {
  readonly from: Socket;
  readonly to: Socket;
}

/** One direction of a connection. */
export class FaultyPipe {
  readonly #ends: PipeEnds;
  readonly #clock: Clock;
  readonly #over = new AbortController();
  readonly #held: Held[] = [];
  #heldBytes = 0;
  #fault: NetworkFault = PASSING;
  #cut: { readonly watch: CutWatch; readonly reached: () => void } | undefined;
  #lostBytes = 0;
  #wake: () => void = () => undefined;

  constructor(ends: PipeEnds, clock: Clock, fault: NetworkFault) {
    this.#ends = ends;
    this.#clock = clock;
    ends.from.on('data', (bytes: Buffer) => this.#arrived(bytes));
    ends.from.on('end', () => this.#hold('end'));
    ends.from.on('error', () => this.#hold('reset'));
    this.apply(fault);
    void this.#run();
  }

  /** Swallowed by a blackhole, or after one. */
  get lostBytes(): number {
    return this.#lostBytes;
  }

  apply(fault: NetworkFault): void {
    this.#fault = fault;
    this.#regulate();
    this.#wake();
  }

  /** Calls `reached` once, with everything before the place carried on and nothing after it. */
  cutAt(watch: CutWatch, reached: () => void): void {
    this.#cut = { watch, reached };
  }

  uncut(): void {
    this.#cut = undefined;
  }

  /** Carries nothing any more. */
  close(): void {
    this.#over.abort();
    this.#wake();
  }

  #arrived(bytes: Buffer): void {
    if (this.#fault.kind === 'blackhole' || this.#lostBytes > 0) this.#lostBytes += bytes.length;
    else this.#hold(bytes);
  }

  #hold(what: Held['what']): void {
    const latencyMs = this.#fault.kind === 'latency' ? this.#fault.ms : 0;
    this.#held.push({ what, dueAt: this.#clock.mono() + latencyMs });
    if (typeof what !== 'string') this.#heldBytes += what.length;
    this.#regulate();
    this.#wake();
  }

  /** A stalled network is not read, so that its sender comes to feel it. */
  #regulate(): void {
    if (this.#fault.kind === 'stall' || this.#heldBytes > MOST_HELD_BYTES) this.#ends.from.pause();
    else this.#ends.from.resume();
  }

  async #run(): Promise<void> {
    while (!this.#over.signal.aborted) {
      const held = isOpen(this.#fault) ? this.#held[0] : undefined;
      if (held === undefined) await this.#change();
      else if (held.dueAt > this.#clock.mono()) await this.#until(held.dueAt);
      else await this.#carry(held);
    }
  }

  #change(): Promise<void> {
    return new Promise((resolve) => (this.#wake = resolve));
  }

  #until(dueAt: number): Promise<void> {
    return sleep(this.#clock, dueAt - this.#clock.mono(), this.#over.signal);
  }

  async #carry({ what }: Held): Promise<void> {
    this.#held.shift();
    if (what === 'end') return void this.#ends.to.end();
    if (what === 'reset') return void this.#ends.to.resetAndDestroy();
    this.#heldBytes -= what.length;
    this.#regulate();
    const last = this.#cut?.watch.lastBytes(what);
    await this.#send(last === undefined ? what : what.subarray(0, last));
    if (last !== undefined) this.#cut?.reached();
  }

  async #send(bytes: Buffer): Promise<void> {
    const fault = this.#fault;
    if (fault.kind === 'slice') return this.#sendSliced(bytes, fault.bytes);
    await this.#write(bytes);
    if (fault.kind === 'bandwidth') {
      await sleep(this.#clock, (bytes.length / fault.bytesPerSecond) * 1_000, this.#over.signal);
    }
  }

  async #sendSliced(bytes: Buffer, size: number): Promise<void> {
    for (let at = 0; at < bytes.length && !this.#over.signal.aborted; at += size) {
      await this.#write(bytes.subarray(at, at + size));
      await turn();
    }
  }

  /** Resolves when the system has taken the bytes, or when there is nobody to take them. */
  #write(bytes: Buffer): Promise<void> {
    if (bytes.length === 0) return Promise.resolve();
    return new Promise((resolve) => this.#ends.to.write(bytes, () => resolve()));
  }
}
