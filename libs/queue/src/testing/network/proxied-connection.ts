import { connect, type Socket } from 'node:net';
import type { Clock } from '../../ambient/clock.js';
import { CutWatch } from './cut-watch.js';
import { FaultyPipe } from './faulty-pipe.js';
import { type CutPlace, type Direction, isOpen, type NetworkFault } from './network-fault.js';

export interface ProxyTarget {
  readonly host: string;
  readonly port: number;
}

export type FaultsByDirection = Readonly<Record<Direction, NetworkFault>>;

/** A client's connection, and ours to the broker on its behalf, as soon as the network is open. */
export class ProxiedConnection {
  readonly #client: Socket;
  readonly #target: ProxyTarget;
  readonly #clock: Clock;
  #broker: Socket | undefined;
  #pipes: Readonly<Record<Direction, FaultyPipe>> | undefined;
  #cut: { readonly place: CutPlace; readonly reached: () => void } | undefined;
  #faults: FaultsByDirection;
  #ended: () => void = () => undefined;
  /** Resolves when both sides are closed. */
  readonly closed = new Promise<void>((resolve) => (this.#ended = resolve));

  constructor(
    client: Socket,
    target: ProxyTarget,
    { clock, faults }: { clock: Clock; faults: FaultsByDirection },
  ) {
    this.#client = client;
    this.#target = target;
    this.#clock = clock;
    this.#faults = faults;
    client.setNoDelay();
    client.on('error', () => undefined);
    client.once('close', () => this.#clientClosed());
    this.apply(faults);
  }

  get lostBytes(): number {
    return Object.values(this.#pipes ?? {}).reduce((sum, { lostBytes }) => sum + lostBytes, 0);
  }

  apply(faults: FaultsByDirection): void {
    this.#faults = faults;
    if (Object.values(faults).some(({ kind }) => kind === 'reset')) return this.reset();
    if (this.#pipes === undefined && isOpen(faults['to broker'])) this.#dial();
    for (const [direction, pipe] of Object.entries(this.#pipes ?? {}))
      pipe.apply(faults[direction as Direction]);
    // An end that nobody could be told of.
    if (this.#client.destroyed) this.#clientClosed();
  }

  /** From now on, until the place is reached: calls `reached` when the connection has been cut there. */
  cutAt(place: CutPlace, reached: () => void): void {
    this.#cut = { place, reached };
    this.#pipes?.[place.direction].cutAt(new CutWatch(place), () => {
      this.reset();
      reached();
    });
  }

  uncut(): void {
    this.#cut = undefined;
    for (const pipe of Object.values(this.#pipes ?? {})) pipe.uncut();
  }

  /** Both sides are told at once, by RST. */
  reset(): void {
    this.#client.resetAndDestroy();
    this.#broker?.resetAndDestroy();
    for (const pipe of Object.values(this.#pipes ?? {})) pipe.close();
  }

  #dial(): void {
    const broker = connect({ ...this.#target, allowHalfOpen: true, noDelay: true });
    broker.on('error', () => undefined);
    broker.once('close', () => this.#brokerClosed());
    this.#broker = broker;
    const client = this.#client;
    this.#pipes = {
      'to broker': new FaultyPipe({ from: client, to: broker }, this.#clock, this.#faults['to broker']),
      'from broker': new FaultyPipe({ from: broker, to: client }, this.#clock, this.#faults['from broker']),
    };
    if (this.#cut !== undefined) this.cutAt(this.#cut.place, this.#cut.reached);
  }

  /** A broker does not learn of its client's end through a network that carries nothing. */
  #clientClosed(): void {
    if (!isOpen(this.#faults['to broker'])) return;
    this.#broker?.destroy();
    for (const pipe of Object.values(this.#pipes ?? {})) pipe.close();
    this.#lookForEnd();
  }

  #brokerClosed(): void {
    if (isOpen(this.#faults['from broker'])) this.#client.destroySoon();
    this.#lookForEnd();
  }

  #lookForEnd(): void {
    if (this.#client.destroyed && this.#broker?.destroyed !== false) this.#ended();
  }
}
