import type { Depth, InspectQuery, MessageState, Peeked } from '../../backend/inspect.js';
import type { Store, StoreOp } from '../../store/store.js';
import { entriesOf, type ParkEntry } from './park.js';
import { ParkKeys, type ParkRecord, readContent, writeContent, writeRecord } from './park-record.js';

const PAGE = 100;
const REF = 'park/';

/** Whether it names a message of a park. */
export function isParkRef(ref: string | undefined): boolean {
  return ref?.startsWith(REF) === true;
}

interface Standing {
  readonly entry: ParkEntry;
  readonly state: MessageState;
}

/**
 * Looks into the park of one subscription and changes it without the right to hand out: each change is on the condition that
 * the message is as it was seen, and rings the bell for the holder.
 */
export class ParkInspector {
  readonly #keys: ParkKeys;

  constructor(
    private readonly store: Store,
    private readonly subscription: string,
    /** Wall clock. */
    private readonly now: () => number,
  ) {
    this.#keys = new ParkKeys(subscription);
  }

  /** What the broker has, and what is parked. */
  async depth(broker: Depth): Promise<Depth> {
    const counts = { ready: 0, delayed: 0, held: 0, inflight: 0, dead: 0 };
    let { oldestReadyMs } = broker;
    for await (const { entry, state } of this.#standing()) {
      counts[state]++;
      const ageMs = this.now() - entry.record.publishedAt;
      if (state === 'ready') oldestReadyMs = Math.max(oldestReadyMs ?? 0, ageMs);
    }
    const of = (state: MessageState): number => broker[state] + counts[state];
    const merged = { ready: of('ready'), delayed: of('delayed'), held: of('held'), inflight: of('inflight') };
    return { ...broker, ...merged, dead: of('dead'), oldestReadyMs };
  }

  async *browse(query: InspectQuery & { kind: 'browse' }): AsyncGenerator<Peeked> {
    const { after, id, limit, state } = query;
    const afterSeq = isParkRef(after) ? seqIn(after as string) : -1;
    let left = limit;
    for await (const standing of this.#standing()) {
      if (left <= 0) return;
      const { seq, record } = standing.entry;
      if (standing.state !== state || seq <= afterSeq || (id !== undefined && record.id !== id)) continue;
      const peeked = await this.#peeked(standing);
      if (peeked === undefined) continue;
      left--;
      yield peeked;
    }
  }

  /** Answers how many. */
  async purge({ state, ref }: InspectQuery & { kind: 'purge' }): Promise<number> {
    return this.#remove(
      ({ entry, state: at }) => at === state && (ref === undefined || refOf(entry.seq) === ref),
    );
  }

  /** Answers how many. */
  async expire(before: number): Promise<number> {
    return this.#remove(
      ({ entry: { record } }) => record.holds !== true && (record.deadAt ?? before) < before,
    );
  }

  /** Answers how many: 1 or none. */
  async revive({ ref, headers }: InspectQuery & { kind: 'revive' }): Promise<number> {
    const seq = seqIn(ref);
    const keys = [this.#keys.at(seq), this.#keys.content(seq)];
    const [entry, content] = await this.store.read(keys);
    if (entry === undefined || content === undefined) return 0;
    const record = JSON.parse(entry.value) as ParkRecord;
    if (record.holds !== true) return 0;
    const alive = { ...record, attempts: 0, crashes: 0, failures: [], deadAt: undefined, holds: undefined };
    const { body } = readContent(content.value);
    const written = await this.store.write([
      { op: 'put', key: entry.key, value: writeRecord(alive), if: entry.version },
      { op: 'put', key: content.key, value: writeContent({ body, headers }), if: content.version },
      this.#bell(),
    ]);
    return written.ok ? 1 : 0;
  }

  async #remove(isMeant: (standing: Standing) => boolean): Promise<number> {
    const meant: ParkEntry[] = [];
    for await (const standing of this.#standing()) if (isMeant(standing)) meant.push(standing.entry);
    let count = 0;
    for (let at = 0; at < meant.length; at += PAGE)
      count += await this.#removeSome(meant.slice(at, at + PAGE));
    return count;
  }

  /** Those that somebody has changed meanwhile stay. */
  async #removeSome(entries: readonly ParkEntry[]): Promise<number> {
    const ops = entries.flatMap(({ seq, version }): StoreOp[] => [
      { op: 'delete', key: this.#keys.at(seq), if: version },
      { op: 'delete', key: this.#keys.content(seq) },
    ]);
    const written = await this.store.write([...ops, this.#bell()]);
    if (written.ok) return entries.length;
    const changed = new Set(written.conflicts.map(({ key }) => key));
    const rest = entries.filter(({ seq }) => !changed.has(this.#keys.at(seq)));
    return rest.length === 0 ? 0 : this.#removeSome(rest);
  }

  #bell(): StoreOp {
    return { op: 'put', key: this.#keys.bell, value: String(this.now()) };
  }

  /** Everything that is parked and has not expired, and where it stands. */
  async *#standing(): AsyncGenerator<Standing> {
    const taken = new Set<string>();
    const now = this.now();
    for await (const entry of entriesOf(this.store, this.#keys)) {
      const { record } = entry;
      if (record.deadAt === undefined && !record.isOut && (record.expiresAt ?? Infinity) <= now) continue;
      const isFirst = record.isLoose === true || !taken.has(record.key);
      const state = stateOf(record, isFirst, now);
      if (record.isLoose !== true && (state !== 'dead' || record.holds === true)) taken.add(record.key);
      yield { entry, state };
    }
  }

  async #peeked({ entry: { seq, record }, state }: Standing): Promise<Peeked | undefined> {
    const [found] = await this.store.read([this.#keys.content(seq)]);
    if (found === undefined) return undefined;
    const { id, topic, key, publishedAt, attempts, crashes, failures, deadAt, holds, isOut, priority } =
      record;
    const message = { id, topic, subscription: this.subscription, key, priority: priority ?? 0 };
    const history = { publishedAt, attempts: isOut ? attempts + 1 : attempts, crashes, failures, deadAt };
    const dead = state === 'dead' ? { holdsKey: holds === true } : {};
    return {
      kind: 'message',
      ref: refOf(seq),
      state,
      ...message,
      ...readContent(found.value),
      ...history,
      ...dead,
    };
  }
}

function stateOf(record: ParkRecord, isFirst: boolean, now: number): MessageState {
  if (record.deadAt !== undefined) return 'dead';
  if (!isFirst) return 'held';
  if (record.isOut === true) return 'inflight';
  return (record.dueAt ?? 0) > now ? 'delayed' : 'ready';
}

function refOf(seq: number): string {
  return `${REF}${seq}`;
}

function seqIn(ref: string): number {
  return Number(ref.slice(REF.length));
}
