import type { HistoryEvent } from '../history.js';

/** The messages of each key of one ordered subscription that have not ended, in the order of their publication. */
export class KeyOrderChecker {
  readonly #lines = new Map<string, string[]>();
  readonly #wrong: string[] = [];

  constructor(private readonly subscription: string) {}

  read(event: HistoryEvent): void {
    if (event.kind === 'published') return this.#published(event);
    if (event.kind === 'delivered') {
      const { subscription, id, key } = event.delivery;
      if (subscription === this.subscription && key !== undefined) this.#delivered(id, key);
    }
    if (event.kind !== 'settled' || event.result !== 'ok') return;
    const { kind, delivery } = event.act;
    if (delivery.subscription !== this.subscription || delivery.key === undefined) return;
    if (kind === 'ack' || kind === 'dead') this.#ended(delivery.id, delivery.key);
  }

  verdict(): readonly string[] {
    return this.#wrong;
  }

  #published({ message, to, result }: HistoryEvent & { kind: 'published' }): void {
    if (result.status !== 'stored' || message.key === undefined || !to.includes(this.subscription)) return;
    const line = this.#lines.get(message.key);
    if (line === undefined) this.#lines.set(message.key, [message.id]);
    else line.push(message.id);
  }

  #delivered(id: string, key: string): void {
    const first = this.#lines.get(key)?.[0];
    if (first !== id) {
      this.#wrong.push(`${this.subscription}/${id} of key ${key} was delivered before ${first} had ended`);
    }
  }

  #ended(id: string, key: string): void {
    const line = this.#lines.get(key) ?? [];
    const at = line.indexOf(id);
    if (at >= 0) line.splice(at, 1);
  }
}
