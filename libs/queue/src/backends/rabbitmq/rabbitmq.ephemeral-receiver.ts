import { ForwardingReceiver } from '../../backend/forwarding-backend.js';
import type { RabbitReceiver } from './rabbitmq.receiver.js';

/** The receiver of an ephemeral subscription: takes it along when it closes. */
export class EphemeralReceiver extends ForwardingReceiver {
  readonly #receiver: RabbitReceiver;
  readonly #remove: () => Promise<void>;
  #closed: Promise<void> | undefined;

  constructor(receiver: RabbitReceiver, remove: () => Promise<void>) {
    super(receiver);
    this.#receiver = receiver;
    this.#remove = remove;
  }

  override close(): Promise<void> {
    this.#closed ??= this.#close();
    return this.#closed;
  }

  async #close(): Promise<void> {
    await this.#receiver.dispose();
    await this.#remove().catch(() => undefined); // then it goes when it expires
  }
}
