import { createHash } from 'node:crypto';
import type { Peeked } from '../../backend/inspect.js';
import type { Delivery } from '../../message/delivery.js';
import { withHeaders, withoutHeader } from '../../message/headers.js';
import { MAX_NAME_LENGTH } from '../../message/names.js';
import type { Outgoing } from '../../message/outgoing.js';
import { withMessage } from '../../relay/with-message.js';

/** Where a copy was published, while it lies in the queue of its subscription. */
const TOPIC_HEADER = 'pp-topic';

/** The topic whose queue holds the copies of one subscription, and nothing else. */
export function queueOf(subscription: string): string {
  return named('copies', subscription);
}

/** The subscription that takes what is published to a topic, to copy it. */
export function sourceOf(topic: string): string {
  return named('fan-out', topic);
}

/** Different names for different things, also where they get too long. */
function named(prefix: string, name: string): string {
  const plain = `${prefix}.${name}`;
  if (plain.length <= MAX_NAME_LENGTH) return plain;
  const hash = createHash('sha256').update(name).digest('hex');
  return `${prefix}-long.${hash}`;
}

/** The message for one subscription only. Its id stays: it is how a repetition is known. */
export function copyFor(subscription: string, message: Outgoing): Outgoing {
  const headers = withHeaders(message.headers, { [TOPIC_HEADER]: message.topic });
  return withMessage(message, { topic: queueOf(subscription), to: undefined, dedup: undefined, headers });
}

/** How a copy looks to whoever handles it; undefined: as it is. */
export function changesOf({ headers }: Delivery): Pick<Delivery, 'topic' | 'headers'> | undefined {
  const topic = headers[TOPIC_HEADER];
  return topic === undefined ? undefined : { topic, headers: withoutHeader(headers, TOPIC_HEADER) };
}

/** The same for one that lies on the broker. */
export function uncopied(peeked: Peeked): Peeked {
  const topic = peeked.headers[TOPIC_HEADER];
  return topic === undefined
    ? peeked
    : { ...peeked, topic, headers: withoutHeader(peeked.headers, TOPIC_HEADER) };
}
