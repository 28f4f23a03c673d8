import type { ConfirmChannel, Message } from 'amqplib';
import type { Clock } from '../../ambient/clock.js';
import { BackendUnavailableError, PublishOutcomeUnknownError } from '../../backend/backend.errors.js';
import { quote } from '../../message/names.js';
import { type Answer, Confirms } from './rabbitmq.confirms.js';
import type { RabbitConnection } from './rabbitmq.connection.js';
import { Deadlines } from './rabbitmq.deadlines.js';
import { ignore } from './rabbitmq.dial.js';
import { Fifo } from './rabbitmq.fifo.js';
import { codeOf, NOT_FOUND, type RabbitErrors } from './rabbitmq.errors.js';
import { type Answers, Gathered, type Parcel, Sending, SendingBatch, type Sent } from './rabbitmq.sending.js';
import { PublishLine } from './rabbitmq.publish-line.js';
import type { RabbitStatus } from './rabbitmq.status.js';

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

const MANY_WAITING = 1_024;
export const GIVEN_UP = 'whoever published it gave up waiting';
/** What the status calls it when messages are written and none is confirmed. */
const STALLED = 'confirmations';
const STALLED_REMEDY = 'a queue may have no leader: see rabbitmq-queues quorum_status';

/**
 * Everything that is published goes through here, copies for a retry included: one channel with confirms. What cannot be
 * written waits until it can, or until its deadline: then it is certainly not stored. What was written and is not
 * confirmed by then may be stored.
 */
export class RabbitSender {
  readonly #parts: SenderParts;
  #channel: ConfirmChannel | undefined;
  #line: PublishLine | undefined;
  #confirms = new Confirms();
  readonly #waiting = new Fifo<Sending>();
  #isOpening = false;
  #isDraining = false;
  #isBlocked = false;
  readonly #deadlines: Deadlines;

  constructor(parts: SenderParts) {
    this.#parts = parts;
    this.#deadlines = new Deadlines(parts.clock, (nowMs) => this.#endLate(nowMs));
    parts.connection.onUp(() => {
      parts.status.recovered(STALLED);
      void this.#openChannel();
    });
    parts.connection.onBlocked((isBlocked) => {
      this.#isBlocked = isBlocked;
      this.#confirms.owedFrom(parts.clock.mono()); // what it does not read it cannot answer
      this.#pump();
    });
  }

  /** One answer per parcel, at the deadline at the latest, and none before this returns. Written in the order of the calls. */
  post(parcels: readonly Parcel[], answers: Answers<Sent>): readonly Sending[] {
    const { clock, commandTimeoutMs } = this.#parts;
    const nowMs = clock.mono();
    const batch = new SendingBatch(parcels.length, nowMs + commandTimeoutMs, answers);
    const sendings = parcels.map(({ frame, address }, at) => new Sending(frame, address, batch, at));
    for (const sending of sendings) this.#waiting.push(sending);
    this.#deadlines.expect(batch);
    if (this.#isDead(nowMs)) this.#stalled();
    this.#pump(nowMs);
    return sendings;
  }

  /** The same with all answers together, in order. Never rejects. */
  send(parcels: readonly Parcel[], signal?: AbortSignal): Promise<readonly Sent[]> {
    const answers = new Gathered<Sent>(parcels.length);
    const sendings = this.post(parcels, answers);
    return signal === undefined ? answers.promise : this.#until(signal, sendings, answers.promise);
  }

  #until<Answer>(
    signal: AbortSignal,
    sendings: readonly Sending[],
    coming: Promise<Answer>,
  ): Promise<Answer> {
    const giveUp = (): void => this.giveUp(sendings, GIVEN_UP);
    if (signal.aborted) giveUp();
    else signal.addEventListener('abort', giveUp, { once: true });
    return coming.finally(() => signal.removeEventListener('abort', giveUp));
  }

  /** Ends those that have no answer yet. */
  giveUp(sendings: readonly Sending[], why: string): void {
    for (const sending of sendings)
      sending.settle(sending.isWritten ? this.#unknown(why) : this.#refused(this.#whyNot(why)));
  }

  /** No more answers will come. */
  close(): void {
    this.#deadlines.stop();
    this.#leaveChannel('the backend was closed');
    this.giveUp(this.#waiting.drain(), 'the backend was closed');
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
    this.#line = new PublishLine(channel);
  }

  #leaveChannel(why: string): void {
    this.#channel = this.#line = undefined;
    this.#isDraining = false;
    const lost = this.#confirms.list();
    this.#confirms = new Confirms();
    for (const sending of lost) sending.settle(this.#unknown(why));
  }

  /**
   * A queue without a leader takes messages and confirms none, nor what is written to the same channel for another
   * queue.
   */
  #stalled(): void {
    const { status, errors, commandTimeoutMs } = this.#parts;
    const why = `nothing was confirmed for ${commandTimeoutMs} ms`;
    const channel = this.#channel;
    status.ails(STALLED, new BackendUnavailableError(errors.backend, 'publish', `${why}; ${STALLED_REMEDY}`));
    this.#leaveChannel(why);
    void channel?.close().catch(ignore);
    void this.#openChannel();
  }

  #pump(nowMs = this.#parts.clock.mono()): void {
    const { maxUnconfirmed } = this.#parts;
    const line = this.#line;
    if (line === undefined || this.#isBlocked || this.#isDraining) return;
    while (this.#waiting.length > 0 && this.#confirms.count < maxUnconfirmed)
      this.#write(line, this.#waiting.shift() as Sending, nowMs);
    this.#isDraining = !line.flush();
  }

  #write(line: PublishLine, sending: Sending, nowMs: number): void {
    if (sending.isSettled) return;
    try {
      line.write(sending);
      this.#confirms.add(sending, nowMs);
      sending.isWritten = true;
    } catch (error) {
      sending.settle(this.#refused(this.#parts.errors.explain(error)));
    }
  }

  #acked(answer: Answer): void {
    const { status, clock } = this.#parts;
    status.recovered(STALLED);
    status.worked();
    const nowMs = clock.mono();
    for (const sending of this.#confirms.answered(answer, nowMs)) sending.confirmed();
    if (this.#waiting.length > 0) this.#pump(nowMs);
  }

  #nacked(answer: Answer): void {
    const nowMs = this.#parts.clock.mono();
    const refused = this.#refused(
      'the broker could not store it, as when its queue is full or has no leader',
    );
    for (const sending of this.#confirms.answered(answer, nowMs)) sending.settle(refused);
    this.#pump(nowMs);
  }

  #returned({ fields, properties }: Message): void {
    const { exchange, routingKey } = fields;
    this.#confirms.find((one) => one.isThe(properties.messageId, { exchange, routingKey }))?.returned();
  }

  #endLate(nowMs: number): void {
    const { commandTimeoutMs } = this.#parts;
    const isDue = ({ batch, isSettled }: Sending): boolean => !isSettled && batch.endsAt <= nowMs;
    const why = `there was no answer within ${commandTimeoutMs} ms`;
    this.giveUp(this.#waiting.list().filter(isDue), why);
    this.giveUp(this.#confirms.list().filter(isDue), why);
    if (this.#isDead(nowMs)) this.#stalled();
  }

  /**
   * Nothing was confirmed for as long as a publish may take, or one message for longer still: its queue has no leader,
   * and the line behind it would grow for ever. One that is only late is no sign: it may have waited for a connection.
   * During an alarm no channel is better than another.
   */
  #isDead(nowMs: number): boolean {
    const { commandTimeoutMs } = this.#parts;
    const { owedSince = nowMs, oldest } = this.#confirms;
    if (this.#isBlocked) return false;
    const isForgotten = oldest !== undefined && nowMs - oldest.batch.endsAt >= commandTimeoutMs;
    return isForgotten || nowMs - owedSince >= commandTimeoutMs;
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
