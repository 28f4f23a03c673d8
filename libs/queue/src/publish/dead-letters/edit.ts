import type { Peeked } from '../../backend/inspect.js';
import type { Body } from '../../message/body.js';
import { codecOf, encodeCloudEvent, withoutEnvelope } from '../../message/codec.js';
import { decodeEvent, encodeEvent } from '../../message/envelope.js';
import type { DomainEvent } from '../../message/event.js';
import {
  applicationHeaders,
  checkHeaders,
  type Headers,
  REPLAY_COUNT_HEADER,
  withHeaders,
} from '../../message/headers.js';
import { checkJson } from '../../message/json.js';
import { checkText } from '../../message/names.js';
import type { Outgoing } from '../../message/outgoing.js';
import { ownBody } from '../sealer.js';
import { replayed } from './dead-letter-source.js';
import { InvalidEditError } from './dead-letters.errors.js';
import { editHeaders } from './lineage.js';

/** What is to be different. What is not named stays as it is. */
export interface DeadLetterEdit {
  /** Who edits: kept with the message. */
  readonly by: string;
  /** The payload of an event; the rest of its envelope stays, but for the id. */
  readonly data?: unknown;
  /** All of the bytes, for what has no envelope or a broken one. */
  readonly body?: Body;
  /** The application's headers, all of them. */
  readonly headers?: Readonly<Record<string, string>>;
  readonly key?: string;
}

export interface EditStamp {
  /** Of the new message. */
  readonly id: string;
  /** Wall clock, ms since the epoch. */
  readonly at: number;
}

/**
 * The letter with the edit as a message of its own: a new id, and in its headers where it comes from. An event's
 * idempotency key becomes the new id too, because it is another intent now. Throws QueueErrors.
 */
export function edited(letter: Peeked, edit: DeadLetterEdit, { id, at }: EditStamp): Outgoing {
  const by = checkText('the editor', edit.by);
  const key = edit.key === undefined ? letter.key : checkText('the key', edit.key);
  const own = edit.headers === undefined ? applicationHeaders(letter.headers) : checkHeaders(edit.headers);
  const { body, envelope } = sealed(letter, edit, { id, key });
  const headers = withHeaders(envelope === undefined ? own : withoutEnvelope(own), {
    ...envelope,
    ...lineageHeaders(letter),
    ...editHeaders({ from: letter.id, by, at }),
  });
  return { ...replayed({ ...letter, id, key, headers, body }), edited: true };
}

interface Resealed {
  readonly body: Body;
  /** Headers of an envelope that is written anew. */
  readonly envelope?: Headers;
}

/** An event's new id is also in its envelope, which keeps its form. */
function sealed(letter: Peeked, edit: DeadLetterEdit, { id, key }: Pick<Outgoing, 'id' | 'key'>): Resealed {
  const { body } = edit;
  const hasData = Object.hasOwn(edit, 'data');
  if (body !== undefined && hasData) {
    throw new InvalidEditError(
      `the edit of message "${letter.id}" has both data and a body: give one of them`,
    );
  }
  if (body !== undefined) return { body: ownBody(body) };
  const event = eventOf(letter);
  if (event === undefined) {
    if (!hasData) return { body: letter.body };
    throw new InvalidEditError(`message "${letter.id}" is no event, so it has no data to edit: give a body`);
  }
  const data = hasData ? edit.data : event.data;
  if (!(data instanceof Uint8Array)) checkJson(data);
  const timestamp = writable(event.timestamp);
  const renewed = { ...event, data, timestamp, event_id: id, idempotency_key: id };
  const codec = codecOf(letter.body, letter.headers);
  if (codec === 'native') return { body: encodeEvent(renewed) };
  const { body: written, headers } = encodeCloudEvent(codec, renewed, key);
  return { body: written, envelope: headers };
}

function eventOf({ body, headers, publishedAt }: Peeked): DomainEvent | undefined {
  try {
    return decodeEvent(body, headers, publishedAt);
  } catch {
    return undefined;
  }
}

/** Others may write dates that JSON would have to escape. */
function writable(timestamp: string): string {
  return /^[\w:.+-]+$/.test(timestamp) ? timestamp : new Date(timestamp).toISOString();
}

/** The library's own, but for the count of replays: it is another message now. */
function lineageHeaders({ headers }: Peeked): Headers {
  const own = applicationHeaders(headers);
  const kept = Object.entries(headers).filter(
    ([name]) => !Object.hasOwn(own, name) && name !== REPLAY_COUNT_HEADER,
  );
  return Object.fromEntries(kept);
}
