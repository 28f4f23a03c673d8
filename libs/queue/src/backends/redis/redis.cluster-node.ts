/** Where the driver connects to; it looks at each connect. */
export interface Address {
  host?: string | undefined;
  port?: number | undefined;
}

/** What a node of a cluster answers that does not have the keys: `MOVED <slot> <host>:<port>`. */
const MOVED = /\bMOVED \d+ (\S*):(\d+)/;

/**
 * Where a connection goes: to where the URL leads and, when a node of a cluster is there that does not have the keys, on to the
 * one that it names. All keys of a backend are in one slot, so there is one such node.
 */
export class ClusterNode {
  readonly #address: Address;
  readonly #first: Address;

  constructor(address: Address) {
    this.#address = address;
    this.#first = { host: address.host, port: address.port };
  }

  get isElsewhere(): boolean {
    return this.#address.host !== this.#first.host || this.#address.port !== this.#first.port;
  }

  /** What the answer says, if it says so. A node that does not know its own name means the one it was asked by. */
  follow(answer: string): void {
    const [, host = '', port] = MOVED.exec(answer) ?? [];
    if (port === undefined) return;
    if (host !== '' && host !== '?') this.#address.host = host;
    this.#address.port = Number(port);
  }

  /** Nobody is there any more: who is at the beginning knows who has the keys now. */
  forget(): void {
    this.#address.host = this.#first.host;
    this.#address.port = this.#first.port;
  }
}
