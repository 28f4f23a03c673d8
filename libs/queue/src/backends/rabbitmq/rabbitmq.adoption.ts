import type { Message } from 'amqplib';
import { CONTENT_TYPE_HEADER, HEADER_FORMS } from '../../message/cloudevents/header-forms.js';
import { BYTES_TYPE } from '../../message/cloudevents/media-type.js';
import { percentEncode } from '../../message/cloudevents/percent.js';
import { wireFormOf } from '../../message/cloudevents/wire-form.js';
import { idOf } from './rabbitmq.delivery.js';
import { type ForeignRoute, routeOf } from './rabbitmq.foreign-topics.js';
import { headersOf, isKept, WIRE } from './rabbitmq.wire.js';

type Table = Record<string, unknown>;

/** Written by the broker itself, on its way or at a delivery. */
const OF_THE_BROKER = /^x-(?:death|first-death|last-death|delivery-count|acquired-count|opt-)/i;
const MEDIA_TYPE = /^[\w!#$&^.+-]+\/[\w!#$&^.+-]+ *(?:;.*)?$/;
/** How an envelope of this library begins: it says everything itself. */
const ENVELOPE = Buffer.from('{"envelope":');
/** Seconds, as AMQP has it; senders that write milliseconds are known by the size: seconds get there in the year 5138. */
const LEAST_MS = 1e11;

/**
 * Gives a message that came by an exchange of somebody else what one of ours has from its publisher: the topic, a time,
 * and, where nothing in it says what it is, the attributes of a CloudEvent, made of its AMQP properties. They are headers,
 * so that they stay with it over retries and dead letters. Its body stays as it is.
 */
export function adopt(message: Message, routes: readonly ForeignRoute[], nowMs: number): void {
  const { fields, properties } = message;
  const given = (properties.headers ?? {}) as Table;
  const route = routeOf(routes, { ...fields, headers: given });
  if (route === undefined) return;
  const table = escaped(given, fields.redelivered);
  table[WIRE.topic] = route.topic;
  properties.headers = table;
  const isOurs = typeof given[WIRE.publishedAt] === 'number';
  if (!isOurs) introduce(message, route, nowMs);
}

function introduce(message: Message, route: ForeignRoute, nowMs: number): void {
  const { properties, content } = message;
  const sentAt = sentAtOf(properties.timestamp);
  const table = properties.headers as Table;
  table[WIRE.publishedAt] = sentAt ?? nowMs;
  const headers = headersOf(message);
  for (const [name, value] of headersOfProperties(message))
    if (headers[name] === undefined) table[name] = value;
  const isTold =
    wireFormOf(headersOf(message)) !== undefined || content.subarray(0, ENVELOPE.length).equals(ENVELOPE);
  if (isTold) return;
  for (const [name, value] of Object.entries(attributesOf(message, route, sentAt)))
    if (value !== undefined) table[HEADER_FORMS.http.prefix + name] = percentEncode(value);
}

/** How others read the names that were escaped. */
export function unescaped(table: Readonly<Table>): Table {
  const plain: Table = {};
  for (const [name, value] of Object.entries(table)) {
    const own = name.startsWith(WIRE.escaped) ? name.slice(WIRE.escaped.length) : name;
    plain[isForOthers(own) ? own : name] = value;
  }
  return plain;
}

/** RabbitMQ sends what has the other names elsewhere too, or writes them itself. */
function isForOthers(name: string): boolean {
  return !/^b?cc$/i.test(name) && !OF_THE_BROKER.test(name);
}

/**
 * Names that this backend does not read as headers of an application are escaped, except where the broker wrote them. What
 * tells of the past of a copy is left out: nothing that comes from others is a copy, whatever was copied into its headers.
 */
function escaped(given: Table, isRedelivered: boolean): Table {
  const table: Table = {};
  for (const [name, value] of Object.entries(given)) {
    if (isKept(name)) table[name] = value;
    else if (OF_THE_BROKER.test(name) && isRedelivered) table[name] = value;
    else if (!OF_THE_BROKER.test(name) && !name.startsWith(WIRE.own)) table[WIRE.escaped + name] = value;
  }
  return table;
}

function headersOfProperties({ properties }: Message): readonly (readonly [string, string])[] {
  const { contentType, contentEncoding, replyTo, appId } = saidBy(properties);
  const headers: (readonly [string, string])[] = [];
  if (isText(contentType))
    headers.push([CONTENT_TYPE_HEADER, MEDIA_TYPE.test(contentType) ? contentType : BYTES_TYPE]);
  if (isText(contentEncoding)) headers.push(['content-encoding', contentEncoding]);
  if (isText(replyTo)) headers.push(['reply-to', replyTo]);
  if (isText(appId)) headers.push(['app-id', appId]);
  return headers;
}

function attributesOf(message: Message, { topic, exchange }: ForeignRoute, sentAt: number | undefined) {
  const { type, correlationId } = saidBy(message.properties);
  return {
    specversion: '1.0',
    id: idOf(message),
    source: `urn:rabbitmq:${encodeURIComponent(exchange)}`,
    type: isText(type) ? type : topic,
    time: sentAt === undefined ? undefined : new Date(sentAt).toISOString(),
    correlationid: isText(correlationId) ? correlationId : undefined,
  };
}

/** Whatever the types of the driver say: somebody else wrote them. */
function saidBy(properties: object): Readonly<Record<string, unknown>> {
  return properties as Readonly<Record<string, unknown>>;
}

function sentAtOf(timestamp: unknown): number | undefined {
  if (typeof timestamp !== 'number' || !(timestamp > 0 && timestamp < 8.64e15)) return undefined;
  return timestamp < LEAST_MS ? timestamp * 1_000 : timestamp;
}

function isText(value: unknown): value is string {
  return typeof value === 'string' && value !== '';
}
