import { once } from 'node:events';
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import type { Clock } from '../ambient/clock.js';
import { systemClock } from '../ambient/system-clock.js';
import { type CutPlace, type Direction, type NetworkFault, PASSING } from './network/network-fault.js';
import { type FaultsByDirection, ProxiedConnection, type ProxyTarget } from './network/proxied-connection.js';

const LOOPBACK = '127.0.0.1';

/**
 * A network between clients and a broker, on this machine, that does what networks do: see NetworkFault. Clients dial its
 * `port` instead of the broker's. It passes everything until it is told otherwise.
 */
export class FaultProxy {
  readonly #target: ProxyTarget;
  readonly #clock: Clock;
  readonly #server: Server;
  readonly #connections = new Set<ProxiedConnection>();
  #faults: FaultsByDirection = { 'to broker': PASSING, 'from broker': PASSING };
  #cut: { readonly place: CutPlace; readonly reached: () => void } | undefined;

  private constructor(target: ProxyTarget, clock: Clock) {
    this.#target = target;
    this.#clock = clock;
    this.#server = createServer({ allowHalfOpen: true }, (client) => this.#accept(client));
  }

  /** Listens on a free loopback port. @param url of the broker, such as `redis://127.0.0.1:6379`; its port must be given. */
  static async before(url: string, clock: Clock = systemClock): Promise<FaultProxy> {
    const { hostname, port } = new URL(url);
    const proxy = new FaultProxy({ host: hostname, port: Number(port) }, clock);
    proxy.#server.listen(0, LOOPBACK);
    await once(proxy.#server, 'listening');
    return proxy;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  /** How many connections there are, those included of whose end one side could not be told. */
  get connections(): number {
    return this.#connections.size;
  }

  /** How many bytes of the clients that are connected were swallowed. */
  get lostBytes(): number {
    return [...this.#connections].reduce((sum, { lostBytes }) => sum + lostBytes, 0);
  }

  /** The same address, by way of this network. */
  through(url: string): string {
    const changed = new URL(url);
    changed.hostname = LOOPBACK;
    changed.port = String(this.port);
    return changed.href;
  }

  /** Does this to all connections, those to come included, until told otherwise. @param only one direction; the other passes. */
  apply(fault: NetworkFault, only?: Direction): void {
    this.#faults = {
      'to broker': only === 'from broker' ? PASSING : fault,
      'from broker': only === 'to broker' ? PASSING : fault,
    };
    for (const connection of this.#connections) connection.apply(this.#faults);
  }

  /** Everything passes again. */
  heal(): void {
    this.apply(PASSING);
  }

  /** Resets what is connected now; who connects next is served. */
  resetAll(): void {
    for (const connection of this.#connections) connection.reset();
  }

  /** Cuts the first connection that comes to the place, those to come included, and resolves then: once. */
  cut(place: CutPlace): Promise<void> {
    return new Promise((resolve) => {
      const reached = (): void => {
        this.#cut = undefined;
        for (const connection of this.#connections) connection.uncut();
        resolve();
      };
      this.#cut = { place, reached };
      for (const connection of this.#connections) connection.cutAt(place, reached);
    });
  }

  /** Ends all connections, and listens no more. */
  async close(): Promise<void> {
    if (!this.#server.listening) return;
    const ended = [...this.#connections].map(({ closed }) => closed);
    this.heal();
    this.resetAll();
    this.#server.close();
    await Promise.all([once(this.#server, 'close'), ...ended]);
  }

  #accept(client: Socket): void {
    const parts = { clock: this.#clock, faults: this.#faults };
    const connection = new ProxiedConnection(client, this.#target, parts);
    this.#connections.add(connection);
    void connection.closed.then(() => this.#connections.delete(connection));
    if (this.#cut !== undefined) connection.cutAt(this.#cut.place, this.#cut.reached);
  }
}
