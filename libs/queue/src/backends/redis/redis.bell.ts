import type { RedisLink } from './redis.link.js';

/**
 * Wakes idle receivers when messages have become ready, told by Redis over a connection of its own. Only a hint: one that
 * gets lost costs time, since receivers also look by themselves.
 */
export class RedisBell {
  readonly #root: string;
  readonly #listeners = new Map<string, Set<() => void>>();
  #link: RedisLink | undefined;

  constructor(root: string) {
    this.#root = root;
  }

  /** From now on it can hear. */
  attach(link: RedisLink): void {
    this.#link = link;
    link.onUp(() => this.#subscribe([...this.#listeners.keys()]));
    link.onMessage((channel) => this.#ring(channel));
    this.#subscribe([...this.#listeners.keys()]);
  }

  /** Calls `wake` whenever the subscription has something, until the returned function is called. */
  listen(subscriptionId: string, wake: () => void): () => void {
    const channel = `${this.#root}:s:${subscriptionId}:w`;
    const known = this.#listeners.get(channel);
    if (known !== undefined) known.add(wake);
    else {
      this.#listeners.set(channel, new Set([wake]));
      this.#subscribe([channel]);
    }
    return () => this.#unlisten(channel, wake);
  }

  close(): void {
    this.#listeners.clear();
    this.#link?.close();
  }

  #unlisten(channel: string, wake: () => void): void {
    const listeners = this.#listeners.get(channel);
    if (listeners?.delete(wake) !== true || listeners.size > 0) return;
    this.#listeners.delete(channel);
    this.#tell('unsubscribe', [channel]);
  }

  /** What was published before it could hear is looked for. */
  #subscribe(channels: readonly string[]): void {
    if (channels.length === 0 || this.#link?.isUp !== true) return;
    this.#tell('subscribe', channels);
  }

  #tell(verb: 'subscribe' | 'unsubscribe', channels: readonly string[]): void {
    if (this.#link?.isUp !== true) return;
    const ring = (): void => channels.forEach((channel) => this.#ring(channel));
    this.#link.call('listen for new messages', verb, channels).then(ring, () => undefined);
  }

  #ring(channel: string): void {
    for (const wake of this.#listeners.get(channel) ?? []) wake();
  }
}
