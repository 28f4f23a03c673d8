import type { ConsumeMessage, Message } from 'amqplib';
import { createHash } from 'node:crypto';
import type { Body } from '../../message/body.js';
import type { Delivery } from '../../message/delivery.js';
import type { FailureRecord } from '../../message/failure-record.js';
import type { Headers } from '../../message/headers.js';
import { topicOfDue } from './rabbitmq.names.js';
import { bodyOf, failuresOf, headersOf, numberIn, textIn, WIRE } from './rabbitmq.wire.js';

/** Counted by quorum queues: deliveries of this copy that ended without a settlement. */
const RETURNS = 'x-delivery-count';

export interface DeliveryPlace {
  readonly subscription: string;
  readonly leaseMs: number;
  /** Which channel it came over: nothing can be settled over a later one. */
  readonly epoch: number;
  /** When it was handed out, on the monotonic clock. */
  readonly at: number;
}

/** A message that came over a channel, with what the receiver has to know of it. */
export class RabbitDelivery implements Delivery {
  readonly id: string;
  readonly ref: string | undefined;
  readonly topic: string;
  readonly subscription: string;
  readonly key: string | undefined;
  readonly body: Body;
  readonly headers: Headers;
  readonly publishedAt: number;
  readonly attempt: number;
  readonly crashes: number;
  readonly failures: readonly FailureRecord[];
  readonly expiresAt: number | undefined;
  readonly leaseMs: number;
  /** Attempts that failed, so that crashes are told from them. */
  readonly failed: number;
  readonly epoch: number;
  readonly takenAt: number;
  leaseEndsAt: number;
  isSettled = false;

  constructor(
    readonly raw: ConsumeMessage,
    { subscription, leaseMs, epoch, at }: DeliveryPlace,
  ) {
    const { headers } = raw.properties;
    this.id = idOf(raw);
    this.ref = textIn(headers, WIRE.ref);
    this.topic = topicOf(raw);
    this.subscription = subscription;
    this.key = textIn(headers, WIRE.key);
    this.body = bodyOf(raw);
    this.headers = headersOf(raw);
    this.publishedAt = numberIn(headers, WIRE.publishedAt) ?? 0;
    this.failed = numberIn(headers, WIRE.failed) ?? 0;
    this.crashes = crashesOf(raw);
    this.attempt = this.failed + this.crashes + 1;
    this.failures = failuresOf(raw);
    this.expiresAt = numberIn(headers, WIRE.expiresAt);
    this.leaseMs = leaseMs;
    this.epoch = epoch;
    this.takenAt = at;
    this.leaseEndsAt = at + leaseMs;
  }
}

/** What somebody else's publisher left out is made of what it sent: the same message has the same id again. */
export function idOf({ content, properties }: Message): string {
  const { messageId } = properties as { readonly messageId?: unknown };
  if (typeof messageId === 'string' && messageId !== '') return messageId;
  return createHash('sha256').update(content).digest('base64url');
}

export function topicOf({ fields, properties }: Message): string {
  return textIn(properties.headers, WIRE.topic) ?? topicOfDue(fields.routingKey) ?? fields.routingKey;
}

export function crashesOf({ properties: { headers } }: Message): number {
  return (numberIn(headers, WIRE.crashes) ?? 0) + (numberIn(headers, RETURNS) ?? 0);
}

export function isExpired({ properties: { headers } }: Message, nowMs: number): boolean {
  const until = numberIn(headers, WIRE.expiresAt);
  return until !== undefined && until <= nowMs;
}
