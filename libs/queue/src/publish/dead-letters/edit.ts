import type { Peeked } from '../../backend/inspect.js';
import type { Body } from '../../message/body.js';
import { decodeEvent, encodeEvent } from '../../message/envelope.js';
import type { DomainEvent } from '../../message/event.js';
import { applicationHeaders, checkHeaders, type Headers, withHeaders } from '../../message/headers.js';
import { checkJson } from '../../message/json.js';
import { checkText } from '../../message/names.js';
import type { Outgoing } from '../../message/outgoing.js';
import { ownBody } from '../sealer.js';
import { replayed } from './dead-letter-source.js';
import { InvalidEditError } from './dead-letters.errors.js';
import { editHeaders, REPLAY_COUNT_HEADER } from './lineage.js';

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
  const headers = withHeaders(own, {
    ...lineageHeaders(letter),
    ...editHeaders({ from: letter.id, by, at }),
  });
  return replayed({ ...letter, id, key, headers, body: bodyOf(letter, edit, id) });
}

/** An event's new id is also in its envelope. */
function bodyOf(letter: Peeked, edit: DeadLetterEdit, id: string): Body {
  const { body } = edit;
  const hasData = Object.hasOwn(edit, 'data');
  if (body !== undefined && hasData) {
    throw new InvalidEditError(
      `the edit of message "${letter.id}" has both data and a body: give one of them`,
    );
  }
  if (body !== undefined) return ownBody(body);
  const event = eventOf(letter);
  if (event === undefined) {
    if (!hasData) return letter.body;
    throw new InvalidEditError(`message "${letter.id}" is no event, so it has no data to edit: give a body`);
  }
  const data = hasData ? edit.data : event.data;
  if (!(data instanceof Uint8Array)) checkJson(data);
  const timestamp = writable(event.timestamp);
  return encodeEvent({ ...event, data, timestamp, event_id: id, idempotency_key: id });
}

function eventOf({ body }: Peeked): DomainEvent | undefined {
  try {
    return decodeEvent(body);
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
