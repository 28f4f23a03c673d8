import { UnknownSubscriptionError } from '../../backend/backend.errors.js';
import type { Depth, InspectQuery, Inspected, MessageState, Peeked } from '../../backend/inspect.js';
import { CANCEL } from './redis.cancel.lua.js';
import { CLAIM_LENGTH, NUMBER_LENGTH, priorityOf, readFailures } from './redis.delivery.js';
import { DEPTH, EXPIRE, LOOK, REMOVE, REVIVE } from './redis.inspect.lua.js';
import { type RedisLink, rootOf } from './redis.link.js';
import { Script } from './redis.script.js';
import type { KnownSubscription } from './redis.known-topology.js';
import type { RedisTopology } from './redis.topology.js';
import { readRecord, recordOf } from './redis.wire.js';

type Browse = Extract<InspectQuery, { kind: 'browse' }>;
type Revive = Extract<InspectQuery, { kind: 'revive' }>;
type Purge = Extract<InspectQuery, { kind: 'purge' }>;

const SCRIPTS = {
  cancel: new Script(CANCEL),
  depth: new Script(DEPTH),
  look: new Script(LOOK),
  remove: new Script(REMOVE),
  expire: new Script(EXPIRE),
  revive: new Script(REVIVE),
};
/** The key behind which each state stands, see redis.lines.lua.ts. */
const KEYS: Readonly<Record<MessageState, string>> = {
  ready: 'r',
  delayed: 'd',
  held: 'h',
  inflight: 'l',
  dead: 'z',
};
/** Messages that are read, or removed, before others get a turn. */
const STEP = { browse: 32, purge: 500, scan: 1_000 } as const;

/** Where a state says that it ends with a key. */
const KEY_MARK = 0;
/** Of a message without a priority. */
const PLAIN_SCORE = 900_000_000_000_000;

export interface InspectorParts {
  readonly backend: string;
  readonly prefix: string;
  readonly link: RedisLink;
  readonly topology: RedisTopology;
}

/** Looks into Redis for operators. */
export class RedisInspector {
  readonly #parts: InspectorParts;

  constructor(parts: InspectorParts) {
    this.#parts = parts;
  }

  async *inspect(query: InspectQuery): AsyncGenerator<Inspected> {
    switch (query.kind) {
      case 'depth':
        return yield* this.#depths(query.subscription);
      case 'browse':
        return yield* this.#browse(query, await this.#find(query.subscription));
      case 'purge':
        return yield {
          kind: 'purged',
          count: await this.#purge(query, await this.#find(query.subscription)),
        };
      case 'expire':
        return yield {
          kind: 'purged',
          count: await this.#expire(await this.#find(query.subscription), query.before),
        };
      case 'revive':
        return yield {
          kind: 'revived',
          count: await this.#revive(query, await this.#find(query.subscription)),
        };
      case 'cancel':
        return yield { kind: 'purged', count: await this.#cancel(query.id) };
    }
  }

  async #cancel(id: string): Promise<number> {
    return (await this.#parts.link.run('cancel', SCRIPTS.cancel, [id])) as number;
  }

  async #find(name: string): Promise<KnownSubscription> {
    const found = (await this.#parts.topology.load()).find(name);
    if (found === undefined) throw new UnknownSubscriptionError(this.#parts.backend, name);
    await this.#caughtUp(found);
    return found;
  }

  async *#depths(only: string | undefined): AsyncGenerator<Depth> {
    const { subscriptions } = await this.#parts.topology.load();
    const asked = only === undefined ? subscriptions : [await this.#find(only)];
    for (const subscription of asked.toSorted((a, b) => (a.name < b.name ? -1 : 1))) {
      const counts = await this.#caughtUp(subscription);
      if (counts !== undefined) yield depthOf(subscription, counts);
      else if (only !== undefined) throw new UnknownSubscriptionError(this.#parts.backend, only);
    }
  }

  /** Brings leases, delays and expiries to the present, and counts. Undefined: it is gone. */
  async #caughtUp({ id }: KnownSubscription): Promise<readonly unknown[] | undefined> {
    for (;;) {
      const answer = await this.#parts.link.run('count messages', SCRIPTS.depth, [id]);
      if (answer === -1) return undefined;
      if (answer !== 0) return answer as readonly unknown[];
    }
  }

  async *#browse(query: Browse, { id }: KnownSubscription): AsyncGenerator<Peeked> {
    const after = query.after ?? '';
    let left = query.limit;
    const refs = (await this.#refsIn(id, query.state)).filter((ref) => numberIn(ref) > after);
    for (let at = 0; at < refs.length && left > 0; at += STEP.browse) {
      const page = refs.slice(at, at + STEP.browse);
      for (const message of await this.#look(id, query, page)) {
        if (left > 0 && (query.id === undefined || message.id === query.id)) {
          left--;
          yield message;
        }
      }
    }
  }

  async #look(
    id: string,
    { state, subscription }: Browse,
    refs: readonly string[],
  ): Promise<readonly Peeked[]> {
    const reply = await this.#parts.link.run('browse', SCRIPTS.look, [id, KEYS[state], ...refs]);
    const fields = reply as readonly Buffer[];
    return Array.from({ length: fields.length / 4 }, (_, nth) => {
      const [ref, raw, record, history] = fields.slice(4 * nth, 4 * nth + 4) as [
        Buffer,
        Buffer,
        Buffer,
        Buffer,
      ];
      return peeked({ ref: ref.toString(), raw: raw.toString(), record, history }, { state, subscription });
    });
  }

  /** Numbers of all in one state, the oldest first; with the token before it where they are in flight. Read in steps, so that nobody else has to wait. */
  async #refsIn(id: string, state: MessageState): Promise<readonly string[]> {
    const key = `${rootOf(this.#parts.prefix)}:s:${id}:${KEYS[state]}`;
    const found = new Set<string>();
    const length = state === 'inflight' ? CLAIM_LENGTH : NUMBER_LENGTH;
    let cursor = '0';
    do {
      const reply = await this.#parts.link.call('browse', 'zscan', [key, cursor, 'COUNT', STEP.scan]);
      const [next, pairs] = reply as [Buffer, readonly Buffer[]];
      for (let at = 0; at < pairs.length; at += 2)
        found.add((pairs[at] as Buffer).toString('latin1').slice(-length));
      cursor = next.toString();
    } while (cursor !== '0');
    return [...found].sort((a, b) => (numberIn(a) < numberIn(b) ? -1 : 1));
  }

  async #purge({ state, ref }: Purge, { id }: KnownSubscription): Promise<number> {
    const refs = ref === undefined ? await this.#refsIn(id, state) : [ref];
    let count = 0;
    for (let at = 0; at < refs.length; at += STEP.purge) {
      const args = [id, KEYS[state], ...refs.slice(at, at + STEP.purge)];
      count += (await this.#parts.link.run('purge', SCRIPTS.remove, args)) as number;
    }
    return count;
  }

  async #expire({ id }: KnownSubscription, before: number): Promise<number> {
    for (let count = 0; ;) {
      const gone = (await this.#parts.link.run('expire dead letters', SCRIPTS.expire, [
        id,
        before,
      ])) as number;
      count += gone;
      if (gone < STEP.purge) return count;
    }
  }

  async #revive({ ref, headers, subscription }: Revive, { id }: KnownSubscription): Promise<number> {
    const query: Browse = { kind: 'browse', subscription, state: 'dead', limit: 1 };
    const [letter] = await this.#look(id, query, [ref]);
    if (letter === undefined) return 0;
    const record = recordOf({ ...letter, headers });
    return (await this.#parts.link.run('revive a dead letter', SCRIPTS.revive, [id, ref, record])) as number;
  }
}

function numberIn(ref: string): string {
  return ref.slice(-NUMBER_LENGTH);
}

function depthOf({ name: subscription, bounds }: KnownSubscription, counts: readonly unknown[]): Depth {
  const [ready, delayed, held, inflight, dead, ...texts] = counts as [
    ...[number, number, number, number, number],
    ...Buffer[],
  ];
  const [oldestAt = 0, now = 0, dropped = 0] = texts.map(Number);
  const oldestReadyMs = oldestAt === 0 ? undefined : now - oldestAt;
  const counted = { ready, delayed, held, inflight, dead, oldestReadyMs };
  return { kind: 'depth', subscription, ...counted, ...(bounds !== undefined && { dropped }) };
}

interface Found {
  readonly ref: string;
  /** Empty for what was never claimed and asked for nothing. */
  readonly raw: string;
  readonly record: Buffer;
  readonly history: Buffer;
}

function peeked(
  { ref, raw, record, history }: Found,
  { state, subscription }: Pick<Browse, 'state' | 'subscription'>,
): Peeked {
  const [, d = 0, f = 0, r = 0, score = PLAIN_SCORE, due = 0] =
    /^.(\d+) (\d+) (\d+) (\d+) \d+ (\d+)/s.exec(raw)?.map(Number) ?? [];
  const attempts = d - r;
  const isOpen = state === 'inflight' || state === 'dead';
  return {
    ...readRecord(record),
    kind: 'message',
    ref,
    state,
    subscription,
    priority: priorityOf(score),
    attempts,
    crashes: attempts - f - (isOpen && d > 0 ? 1 : 0),
    failures: readFailures(history.length === 0 ? undefined : history),
    deadAt: state === 'dead' ? due : undefined,
    holdsKey: state === 'dead' && raw[KEY_MARK] === 'k',
  };
}
