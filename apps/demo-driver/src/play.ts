import { setTimeout as sleep } from 'node:timers/promises';
import type { AnsweredPost, PutMessage } from './evidence.js';
import type { Plan, PlannedPost } from './plan.js';
import type { Screen } from './screen.js';
import type { Stage } from './stage.js';
import { DeadlineError, waitUntil } from './wait-until.js';

const POSTERS = 8;
const DRAIN_DEADLINE_MS = 45_000;
/** What the API answers while its queue does not. */
const UNAVAILABLE = 503;
const AGAIN_MS = 300;
const OUTAGE_DEADLINE_MS = 60_000;
/** A broker that counts neither what is delayed nor what is in somebody's hands is empty when nothing has moved for longer than a retry waits. */
const UNCOUNTED_MS = 4_000;

/** What was sent, and what became of it. */
export interface Played {
  readonly posts: readonly AnsweredPost[];
  readonly raw: readonly PutMessage[];
}

/** Posts all of the plan and waits until nothing is left to do. */
export async function play(plan: Plan, stage: Stage, screen: Screen): Promise<Played> {
  const played = { posts: [] as AnsweredPost[], raw: [] as PutMessage[] };
  const over = new AbortController();
  const watching = watch(stage, over.signal, (state) => {
    screen.progress(`posted ${played.posts.length}/${plan.posts.length} · ${state}`);
  });
  try {
    await postAll(plan, stage, played);
    await drained(stage);
  } finally {
    over.abort();
    await watching;
  }
  return played;
}

/** Several posters side by side, as GitHub does it; foreign messages drop in between. */
async function postAll(
  plan: Plan,
  stage: Stage,
  { posts, raw }: { readonly posts: AnsweredPost[]; readonly raw: PutMessage[] },
): Promise<void> {
  const share = Math.floor(plan.posts.length / (plan.raw.length + 1));
  const foreign = new Map(plan.raw.map((message, index) => [(index + 1) * share, message]));
  const waiting = plan.posts.entries();
  const { interruption } = stage;
  const poster = async (): Promise<void> => {
    for (const [place, post] of waiting) {
      interruption.throwIfAborted();
      const message = foreign.get(place);
      if (message !== undefined) raw.push(await stage.queue.put(message, interruption));
      posts.push(await postUntilTaken(post, stage));
    }
  };
  await Promise.all(Array.from({ length: POSTERS }, poster));
}

/** What the queue could not take is sent again, as an operator of GitHub's hooks would. */
async function postUntilTaken(post: PlannedPost, { client, interruption }: Stage): Promise<AnsweredPost> {
  const giveUpAt = performance.now() + OUTAGE_DEADLINE_MS;
  for (let unavailable = 0; ; unavailable++) {
    const status = await client.post(post);
    if (status !== UNAVAILABLE || performance.now() > giveUpAt) return { ...post, status, unavailable };
    await sleep(AGAIN_MS, undefined, { signal: interruption });
  }
}

/** Gives up after the deadline: what is left then is the verdict's business. */
async function drained(stage: Stage): Promise<void> {
  const { interruption: signal, queue, downstream } = stage;
  const patience = { what: 'an empty queue', deadlineMs: DRAIN_DEADLINE_MS, everyMs: 100, signal };
  const quietMs = queue.counts ? 0 : UNCOUNTED_MS;
  let quiet = { since: Infinity, requests: 0 };
  try {
    await waitUntil(patience, async () => {
      await stage.settled();
      const isEmpty = (await queue.pending()) === 0;
      const requests = downstream.total;
      if (!isEmpty) quiet = { since: Infinity, requests };
      else if (quiet.since === Infinity || requests !== quiet.requests)
        quiet = { since: performance.now(), requests };
      return performance.now() - quiet.since >= quietMs;
    });
  } catch (error) {
    if (!(error instanceof DeadlineError)) throw error;
  }
}

async function watch(stage: Stage, over: AbortSignal, show: (state: string) => void): Promise<void> {
  const { downstream, kills } = stage;
  while (!over.aborted) {
    const pending = await stage.queue.pending();
    show(`${pending ?? '?'} to do · ${downstream.accepted.size} notified · worker killed ${kills.length}×`);
    await sleep(200, undefined, { signal: over }).catch(() => {});
  }
}
