import type { ConfirmChannel, Message } from 'amqplib';
import type { CancelTimer, Clock } from '../../ambient/clock.js';
import { BackendUnavailableError, PublishOutcomeUnknownError } from '../../backend/backend.errors.js';
import { quote } from '../../message/names.js';
import { type Answer, Confirms } from './rabbitmq.confirms.js';
import type { RabbitConnection } from './rabbitmq.connection.js';
import { ignore } from './rabbitmq.dial.js';
import { Fifo } from './rabbitmq.fifo.js';
import { codeOf, NOT_FOUND, type RabbitErrors } from './rabbitmq.errors.js';
import { type Address, Sending, SendingBatch, type Sent } from './rabbitmq.sending.js';
import type { RabbitStatus } from './rabbitmq.status.js';
import type { Frame } from './rabbitmq.wire.js';

export interface SenderParts {
  readonly connection: RabbitConnection;
  readonly clock: Clock;
  readonly errors: RabbitErrors;
  readonly status: RabbitStatus;
  readonly commandTimeoutMs: number;
  readonly maxUnconfirmed: number;
  /** An exchange is not there any more: makes it again, or rejects. */
  readonly restore: () => Promise<void>;
}

export interface Parcel {
  readonly frame: Frame;
  readonly address: Address;
}

const MANY_WAITING = 1_024;

/**
 * Everything that is published goes through here, copies for a retry included: one channel with confirms. What cannot be
 * written waits until it can, or until its deadline: then it is certainly not stored. What was written and is not
 * confirmed by then may be stored.
 */
export class RabbitSender {
  readonly #parts: SenderParts;
  #channel: ConfirmChannel | undefined;
  #confirms = new Confirms();
  readonly #waiting = new Fifo<Sending>();
  #isOpening = false;
  #isDraining = false;
  #isBlocked = false;
  /** In the order of their deadlines, since all have the same time. */
  readonly #batches = new Fifo<SendingBatch>();
  #cancelDeadline: CancelTimer | undefined;

  constructor(parts: SenderParts) {
    this.#parts = parts;
    parts.connection.onUp(() => void this.#openChannel());
    parts.connection.onBlocked((isBlocked) => {
      this.#isBlocked = isBlocked;
      this.#pump();
    });
  }

  /** One answer per parcel, in order, at the deadline at the latest. Never rejects. */
  send(parcels: readonly Parcel[], signal?: AbortSignal): Promise<readonly Sent[]> {
    const { clock, commandTimeoutMs } = this.#parts;
    const batch = new SendingBatch(parcels.length, clock.mono() + commandTimeoutMs);
    const sendings = parcels.map(({ frame, address }, at) => new Sending(frame, address, batch, at));
    for (const sending of sendings) this.#waiting.push(sending);
    this.#expect(batch);
    this.#pump();
    if (signal === undefined || batch.isOver) return batch.promise;
    const giveUp = (): void => this.#giveUp(sendings, 'whoever published it gave up waiting');
    if (signal.aborted) giveUp();
    else signal.addEventListener('abort', giveUp, { once: true });
    return batch.promise.finally(() => signal.removeEventListener('abort', giveUp));
  }

  /** No more answers will come. */
  close(): void {
    this.#cancelDeadline?.();
    this.#leaveChannel('the backend was closed');
    this.#giveUp(this.#waiting.drain(), 'the backend was closed');
  }

  /** Resolves when nothing waits for an answer, or when there will be none. */
  async idle(): Promise<void> {
    for (let batch = this.#oldest(); batch !== undefined; batch = this.#oldest()) await batch.promise;
  }

  async #openChannel(): Promise<void> {
    const { connection, errors, status } = this.#parts;
    const { model } = connection;
    if (this.#isOpening || this.#channel !== undefined || model === undefined) return;
    this.#isOpening = true;
    try {
      const channel = await model.createConfirmChannel({ highWaterMark: MANY_WAITING });
      this.#adopt(channel);
    } catch (error) {
      status.failed(errors.unavailable('open a channel', error)); // the connection is lost, or is made again
    } finally {
      this.#isOpening = false;
    }
    this.#pump();
  }

  #adopt(channel: ConfirmChannel): void {
    let problem: Error | undefined;
    channel.on('error', (error) => (problem = error));
    channel.on('close', () => {
      if (this.#channel !== channel) return;
      const { errors } = this.#parts;
      this.#leaveChannel(problem === undefined ? 'the connection was lost' : errors.explain(problem));
      const restoring =
        codeOf(problem) === NOT_FOUND ? this.#parts.restore().catch(ignore) : Promise.resolve();
      void restoring.then(() => this.#openChannel());
    });
    channel.on('ack', (answer) => {
      if (this.#channel === channel) this.#acked(answer);
    });
    channel.on('nack', (answer) => {
      if (this.#channel === channel) this.#nacked(answer);
    });
    channel.on('return', (message) => this.#returned(message));
    channel.on('drain', () => {
      this.#isDraining = false;
      this.#pump();
    });
    this.#channel = channel;
  }

  #leaveChannel(why: string): void {
    this.#channel = undefined;
    this.#isDraining = false;
    const lost = this.#confirms.takeAll();
    this.#confirms = new Confirms();
    for (const sending of lost) sending.settle(this.#unknown(why));
  }

  /**
   * A broker that has just started may take messages for a queue that it has not, and never answer for any on that
   * channel. During an alarm no channel is better than another.
   */
  #renewChannel(why: string): void {
    const channel = this.#channel;
    this.#leaveChannel(why);
    void channel?.close().catch(ignore);
    void this.#openChannel();
  }

  #pump(): void {
    const { maxUnconfirmed } = this.#parts;
    const channel = this.#channel;
    if (channel === undefined || this.#isBlocked) return;
    if (this.#waiting.length > 1) this.#parts.connection.cork();
    while (
      this.#waiting.length > 0 &&
      !this.#isDraining &&
      this.#confirms.count < maxUnconfirmed &&
      this.#channel === channel
    ) {
      this.#write(channel, this.#waiting.shift() as Sending);
    }
  }

  #write(channel: ConfirmChannel, sending: Sending): void {
    if (sending.isSettled) return;
    const { frame, address } = sending;
    try {
      const isRoomLeft = channel.publish(address.exchange, address.routingKey, frame.content, frame.options);
      this.#confirms.add(sending);
      sending.isWritten = true;
      this.#isDraining = !isRoomLeft;
    } catch (error) {
      sending.settle(this.#refused(this.#parts.errors.explain(error)));
    }
  }

  #acked(answer: Answer): void {
    this.#parts.status.worked();
    this.#confirms.answered(answer, (sending) => sending.confirmed());
    this.#oldest();
    if (this.#waiting.length > 0) this.#pump();
  }

  #nacked(answer: Answer): void {
    const refused = this.#refused(
      'the broker could not store it, as when its queue is full or has no leader',
    );
    this.#confirms.answered(answer, (sending) => sending.settle(refused));
    this.#pump();
  }

  #returned({ fields, properties }: Message): void {
    const { exchange, routingKey } = fields;
    this.#confirms.find((one) => one.isThe(properties.messageId, { exchange, routingKey }))?.returned();
  }

  #expect(batch: SendingBatch): void {
    this.#batches.push(batch);
    if (this.#cancelDeadline === undefined) this.#armDeadline(batch.endsAt);
  }

  /** The first batch that still waits for an answer. */
  #oldest(): SendingBatch | undefined {
    while (this.#batches.first?.isOver === true) this.#batches.shift();
    return this.#batches.first;
  }

  #armDeadline(endsAt: number): void {
    const { clock } = this.#parts;
    this.#cancelDeadline = clock.timer(endsAt - clock.mono(), () => this.#checkDeadlines());
  }

  #checkDeadlines(): void {
    const { clock, commandTimeoutMs } = this.#parts;
    const nowMs = clock.mono();
    const isDue = ({ batch }: Sending): boolean => batch.endsAt <= nowMs;
    const why = `there was no answer within ${commandTimeoutMs} ms`;
    this.#giveUp(this.#waiting.list().filter(isDue), why);
    const isLate = (sending: Sending): boolean => !sending.isSettled && isDue(sending);
    if (!this.#isBlocked && this.#confirms.find(isLate) !== undefined) this.#renewChannel(why);
    for (let late = this.#confirms.find(isLate); late; late = this.#confirms.find(isLate))
      late.settle(this.#unknown(why));
    this.#cancelDeadline = undefined;
    const next = this.#oldest();
    if (next !== undefined) this.#armDeadline(next.endsAt);
  }

  #giveUp(sendings: readonly Sending[], why: string): void {
    for (const sending of sendings)
      sending.settle(sending.isWritten ? this.#unknown(why) : this.#refused(this.#whyNot(why)));
  }

  #whyNot(why: string): string {
    const { connection, errors } = this.#parts;
    if (this.#isBlocked) return `the broker has stopped reading for lack of memory or disk; ${why}`;
    return connection.model === undefined
      ? `${errors.redact(connection.downError('publish').message)}; ${why}`
      : why;
  }

  #refused(why: string): Sent {
    return {
      kind: 'refused',
      error: new BackendUnavailableError(this.#parts.errors.backend, 'publish', why),
    };
  }

  #unknown(why: string): Sent {
    const { backend } = this.#parts.errors;
    const sentence = `backend ${quote(backend)} cannot tell whether the message is stored: ${why}`;
    return { kind: 'unknown', error: new PublishOutcomeUnknownError(sentence) };
  }
}
