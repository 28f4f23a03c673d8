import { topicOf } from '../../demo-contract/src/index.js';
import type { Dice } from './dice.js';
import { HEALTHY } from './fate.js';
import type { PlannedDelivery } from './plan.js';

/** Valid JSON objects that are not what the handlers declared. */
const MISSHAPEN: readonly string[] = [
  '{"action": 42}',
  '{"__proto__": {"login": "octocat"}}',
  '{"repository": "octocat/hello-world"}',
  '{"repository": {"full_name": null}}',
  '{"repository": {"full_name": "octocat/hello-world"}, "sender": {"login": ""}}',
  '{"sender": "octocat"}',
  '{"organization": {"login": ["octo-org"]}}',
];

export function misshapenDeliveries(dice: Dice): PlannedDelivery[] {
  return MISSHAPEN.map((body) => ({
    id: dice.guid(),
    event: 'issues',
    body: Buffer.from(body),
    fate: HEALTHY,
    misshapen: true,
  }));
}

/** A message without an envelope, as something that is not our API might publish it. */
export interface RawMessage {
  readonly id: string;
  readonly topic: string;
  readonly what: string;
  readonly body: Uint8Array;
}

const NESTING = 200_000;

/** What no handler can read: dead in both subscriptions, with its bytes unchanged. */
export function rawMessages(dice: Dice): RawMessage[] {
  const bodies: readonly (readonly [string, Uint8Array])[] = [
    ['bytes that are not UTF-8', Buffer.from([0x7b, 0x22, 0xff, 0xfe, 0x22, 0x3a, 0x31, 0x7d])],
    ['JSON nested 200 000 deep', Buffer.from('['.repeat(NESTING) + ']'.repeat(NESTING))],
    ['JSON without an envelope', Buffer.from('{"hello": "world"}')],
    ['half a JSON text', Buffer.from('{"envelope": 1, "event_id": "')],
    ['nothing at all', Buffer.alloc(0)],
  ];
  return bodies.map(([what, body]) => ({ id: dice.guid(), topic: topicOf('push'), what, body }));
}
