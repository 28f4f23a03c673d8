import { Dice } from './dice.js';
import { loadExamples } from './corpus.js';
import { drawFate, HEALTHY, HOPELESS, type Fate } from './fate.js';
import { misshapenDeliveries, rawMessages, type RawMessage } from './poison.js';

/** A webhook that is posted once or more. */
export interface PlannedDelivery {
  /** The GUID that GitHub would send. */
  readonly id: string;
  readonly event: string;
  readonly body: Buffer;
  /** What awaits it at the downstream. */
  readonly fate: Fate;
  /** A JSON object, signed, but not what the handlers read: dead in both subscriptions. */
  readonly misshapen: boolean;
}

/** One HTTP request to the API, and the status it must answer with. */
export interface PlannedPost {
  readonly kind: 'delivery' | 'wrong signature' | 'malformed JSON' | 'no GUID' | 'unknown event';
  readonly delivery: PlannedDelivery;
  readonly expected: number;
}

export interface Plan {
  /** In the order of posting. */
  readonly posts: readonly PlannedPost[];
  /** Put on a topic past the API, as another program might. */
  readonly raw: readonly RawMessage[];
  /** The worker is killed when the downstream gets its n-th request. */
  readonly killsAt: readonly number[];
  /** A broker that was started for the demo is restarted when the downstream gets its n-th request. */
  readonly restartAt: number;
}

const DUPLICATE_PERCENT = 15;

/** Everything that chance decides, decided before anything runs. */
export function drawPlan(seed: number): Plan {
  const dice = new Dice(seed);
  const deliveries = dice.shuffled([...realDeliveries(dice), ...misshapenDeliveries(dice)]);
  const once = deliveries.map((delivery): PlannedPost => ({ kind: 'delivery', delivery, expected: 202 }));
  const posts = [...once];
  for (const post of once) {
    if (dice.percent(DUPLICATE_PERCENT)) insertAfter(posts, posts.indexOf(post), post, dice);
  }
  for (const post of refusedPosts(dice, deliveries)) insertAfter(posts, -1, post, dice);
  const killsAt = [40 + dice.below(60), 180 + dice.below(80)];
  const raw = rawMessages(dice);
  return { posts, raw, killsAt, restartAt: 120 + dice.below(40) };
}

function realDeliveries(dice: Dice): PlannedDelivery[] {
  return dice.shuffled(loadExamples()).map(({ event, payload }, index) => ({
    id: dice.guid(),
    event,
    body: Buffer.from(JSON.stringify(payload)),
    fate: HOPELESS[index] ?? drawFate(dice),
    misshapen: false,
  }));
}

/** Every second time right behind, so that both are on their way at once; else anywhere later. */
function insertAfter(posts: PlannedPost[], place: number, post: PlannedPost, dice: Dice): void {
  const later = place + 1 + (dice.percent(50) ? 0 : dice.below(posts.length - place));
  posts.splice(later, 0, post);
}

/** Requests that must not get in. Each has an id of its own, so one that did get in would be seen. */
function refusedPosts(dice: Dice, deliveries: readonly PlannedDelivery[]): PlannedPost[] {
  const forged = deliveries.slice(0, 12).map(({ event, body }) => {
    const delivery = { id: dice.guid(), event, body, fate: HEALTHY, misshapen: false };
    return { kind: 'wrong signature', delivery, expected: 401 } as const;
  });
  const broken = deliveries.slice(12, 18).map(({ event, body }) => {
    const half = body.subarray(0, body.length / 2);
    const delivery = { id: dice.guid(), event, body: half, fate: HEALTHY, misshapen: false };
    return { kind: 'malformed JSON', delivery, expected: 400 } as const;
  });
  const [first, second] = deliveries.slice(18) as [PlannedDelivery, PlannedDelivery];
  return [
    ...forged,
    ...broken,
    { kind: 'no GUID', delivery: { ...first, id: 'one' }, expected: 400 },
    {
      kind: 'unknown event',
      delivery: { ...second, id: dice.guid(), event: 'coffee_break' },
      expected: 422,
    },
  ];
}
