import { setTimeout as sleep } from 'node:timers/promises';
import type { AnsweredPost } from './evidence.js';
import type { Plan } from './plan.js';
import type { Screen } from './screen.js';
import type { Stage } from './stage.js';
import { DeadlineError, waitUntil } from './wait-until.js';

const POSTERS = 8;
const DRAIN_DEADLINE_MS = 45_000;

/** Posts all of the plan and waits until nothing is left to do. */
export async function play(plan: Plan, stage: Stage, screen: Screen): Promise<readonly AnsweredPost[]> {
  const posts: AnsweredPost[] = [];
  const over = new AbortController();
  const watching = watch(stage, over.signal, (state) => {
    screen.progress(`posted ${posts.length}/${plan.posts.length} · ${state}`);
  });
  try {
    await postAll(plan, stage, posts);
    await drained(stage);
  } finally {
    over.abort();
    await watching;
  }
  return posts;
}

/** Several posters side by side, as GitHub does it; foreign messages drop in between. */
async function postAll(plan: Plan, stage: Stage, posts: AnsweredPost[]): Promise<void> {
  const share = Math.floor(plan.posts.length / (plan.raw.length + 1));
  const foreign = new Map(plan.raw.map((message, index) => [(index + 1) * share, message]));
  const waiting = plan.posts.entries();
  const poster = async (): Promise<void> => {
    for (const [place, post] of waiting) {
      stage.interruption.throwIfAborted();
      const message = foreign.get(place);
      if (message !== undefined) await stage.queue.put(message);
      posts.push({ ...post, status: await stage.client.post(post) });
    }
  };
  await Promise.all(Array.from({ length: POSTERS }, poster));
}

/** Gives up after the deadline: what is left then is the verdict's business. */
async function drained(stage: Stage): Promise<void> {
  const { interruption: signal } = stage;
  const patience = { what: 'an empty queue', deadlineMs: DRAIN_DEADLINE_MS, everyMs: 100, signal };
  try {
    await waitUntil(patience, async () => {
      await stage.settled();
      return (await stage.queue.pending()) === 0;
    });
  } catch (error) {
    if (!(error instanceof DeadlineError)) throw error;
  }
}

async function watch(stage: Stage, over: AbortSignal, show: (state: string) => void): Promise<void> {
  const { downstream, kills } = stage;
  while (!over.aborted) {
    const pending = await stage.queue.pending();
    show(`${pending} to do · ${downstream.accepted.size} notified · worker killed ${kills.length}×`);
    await sleep(200, undefined, { signal: over }).catch(() => {});
  }
}
