import type { Channel } from 'amqplib';
import type { RabbitAdmin } from './rabbitmq.admin.js';
import { LEVELS, type RabbitNames, UNIT_MS } from './rabbitmq.names.js';
import type { Address } from './rabbitmq.sending.js';

/**
 * Delays without a plugin, and without one message behind another: level `n` holds what comes to it for 2^n units, so
 * that a wait is the sum of the levels whose bits it has. Every message waits in a queue where all wait equally long.
 * Each level's exchange looks at its own bit and hands the message to its queue, or to the next level below at once.
 */
export class RabbitLevels {
  readonly #admin: RabbitAdmin;
  readonly #names: RabbitNames;
  readonly #queueType: 'quorum' | 'classic';
  /** Levels below this one are known to be there. */
  #height = 0;

  constructor(admin: RabbitAdmin, names: RabbitNames, queueType: 'quorum' | 'classic') {
    this.#admin = admin;
    this.#names = names;
    this.#queueType = queueType;
  }

  /** Where to send what is to come to `routingKey` of the due exchange so much later; `bits` are headers it needs. */
  way(delayMs: number, routingKey: string): { readonly address: Address; readonly bits: Bits } {
    const units = Math.ceil(delayMs / UNIT_MS);
    const top = heightOf(units) - 1;
    const bits: Record<string, number> = {};
    for (let level = 0; level <= top; level++) bits[bitHeader(level)] = Math.floor(units / 2 ** level) % 2;
    return { address: { exchange: this.#names.level(top), routingKey }, bits };
  }

  /** Makes the levels that such a delay needs, unless this process knows them. Throws BackendUnavailableError. */
  async ensure(delayMs: number): Promise<void> {
    const height = heightOf(Math.ceil(delayMs / UNIT_MS));
    if (height <= this.#height) return;
    await this.#admin.run('make the queues for delays', (channel) => this.#declare(channel, height));
    this.#height = Math.max(this.#height, height);
  }

  /** Whether all levels that it would need are there already. */
  has(delayMs: number): boolean {
    if (delayMs <= 0) return true;
    return heightOf(Math.ceil(delayMs / UNIT_MS)) <= this.#height;
  }

  /** They may be gone: somebody may have deleted them. */
  forget(): void {
    this.#height = 0;
  }

  async #declare(channel: Channel, height: number): Promise<void> {
    const { undelivered } = this.#names;
    if (this.#height === 0) {
      await channel.assertExchange(undelivered, 'fanout', { durable: true });
      await channel.assertQueue(undelivered, {
        durable: true,
        arguments: {
          'x-queue-type': this.#queueType,
          // Whoever looks gives back what is there, and RabbitMQ 4 drops it after 20 times.
          ...(this.#queueType === 'quorum' && { 'x-delivery-limit': 1e9 }),
        },
      });
      await channel.bindQueue(undelivered, undelivered, '');
    }
    for (let level = this.#height; level < height; level++) await this.#declareLevel(channel, level);
  }

  async #declareLevel(channel: Channel, level: number): Promise<void> {
    const name = this.#names.level(level);
    const below = level === 0 ? this.#names.due : this.#names.level(level - 1);
    await channel.assertExchange(name, 'headers', { durable: true });
    await channel.assertQueue(name, {
      durable: true,
      arguments: {
        'x-queue-type': this.#queueType,
        // The broker counts in whole ms from the ms it begins in: one more, so that it is never early.
        'x-message-ttl': UNIT_MS * 2 ** level + 1,
        'x-dead-letter-exchange': below,
        ...(this.#queueType === 'quorum' && AT_LEAST_ONCE),
      },
    });
    await channel.bindQueue(name, name, '', { 'x-match': 'all', [bitHeader(level)]: 1 });
    await channel.bindExchange(below, name, '', { 'x-match': 'all', [bitHeader(level)]: 0 });
  }
}

export type Bits = Readonly<Record<string, number>>;

/** Nothing leaves a queue before the next one has confirmed it. */
export const AT_LEAST_ONCE = Object.freeze({
  'x-dead-letter-strategy': 'at-least-once',
  'x-overflow': 'reject-publish',
});

function bitHeader(level: number): string {
  return `pp:b${level}`;
}

/** How many levels so many units need. */
function heightOf(units: number): number {
  return Math.min(LEVELS, Math.floor(Math.log2(Math.max(1, units))) + 1);
}
