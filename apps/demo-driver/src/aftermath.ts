import { NOTIFIER, SUBSCRIPTIONS } from '../../demo-contract/src/index.js';
import { accepts } from './fate.js';
import type { Evidence } from './evidence.js';
import type { Plan } from './plan.js';
import type { Played } from './play.js';
import { readProjection } from './projection.view.js';
import type { Stage } from './stage.js';
import { check, type Check, type Numbers } from './verdict.js';
import { DeadlineError, waitUntil } from './wait-until.js';

const REPLAY_DEADLINE_MS = 10_000;

/** What there is to see after the run, from the databases and the logs. */
export async function collect({ posts, raw }: Played, stage: Stage): Promise<Evidence> {
  const { downstream, queue, kills, restarts, activityFile } = stage;
  const letters = await queue.deadLetters();
  return {
    posts,
    raw,
    projection: readProjection(activityFile),
    requests: new Map(downstream.requests),
    accepted: new Map(downstream.accepted),
    deadLetters: letters.map(({ subscription, id, failures, body }) => ({
      subscription,
      id,
      reason: failures.at(-1)?.reason ?? 'unknown',
      bytes: Buffer.from(body),
    })),
    pending: (await queue.pending()) ?? Infinity,
    kills,
    restarts,
    deadAtOnce: queue.counts,
  };
}

/** An operator's view of the same things must show the same. */
export async function checkApi({ client }: Stage, numbers: Numbers): Promise<Check> {
  const listed = await Promise.all(SUBSCRIPTIONS.map((name) => client.deadLetterIds(name)));
  const [health, activity, dead] = [
    await client.health(),
    await client.activityCount(),
    listed.flat().length,
  ];
  return check('the API shows the same', [
    ...(health === 200 ? [] : [`health ${health}`]),
    ...(activity === numbers.applied ? [] : [`activity of ${activity} deliveries`]),
    ...(dead === numbers.deadLettered ? [] : [`${dead} dead letters`]),
  ]);
}

/** The downstream is mended for one delivery that it had refused; its dead letter, sent back, must arrive now. */
export async function checkReplay({ posts }: Plan, stage: Stage): Promise<Check> {
  const { downstream, client } = stage;
  const claim = 'a dead letter that is replayed is handled';
  const refused = posts.find(({ kind, delivery }) => kind === 'delivery' && !accepts(delivery.fate));
  if (refused === undefined) return check(claim, ['none to replay']);
  const { id } = refused.delivery;
  downstream.mend(id);
  const status = await client.replay(NOTIFIER, id);
  if (status !== 202) return check(claim, [`status ${status}`]);
  return check(claim, await unlessHandled(stage, id));
}

async function unlessHandled(
  { downstream, client, interruption: signal }: Stage,
  id: string,
): Promise<string[]> {
  const patience = { what: `the notification of ${id}`, deadlineMs: REPLAY_DEADLINE_MS, signal };
  try {
    await waitUntil(patience, async () => {
      const dead = await client.deadLetterIds(NOTIFIER);
      return downstream.accepted.has(id) && !dead.includes(id);
    });
    return [];
  } catch (error) {
    if (error instanceof DeadlineError) return [error.message];
    throw error;
  }
}
