import { type Admission, admit, admitToLane, type Census } from '../../backend/admission.js';
import { SubscriptionFullError } from '../../backend/backend.errors.js';
import { OVERFLOW_HEADER, type Pressure } from '../../backend/bounds.js';
import { withHeaders } from '../../message/headers.js';
import type { Outgoing } from '../../message/outgoing.js';
import { numberArray } from './postgres.arrays.js';
import type { Copy } from './postgres.copies.js';
import { namedStatements, type Session } from './postgres.session.js';
import type { KnownSubscription, PostgresTopology } from './postgres.topology.js';

const NOW = 'statement_timestamp()';
const ALIVE = `(expires_at IS NULL OR expires_at > ${NOW})`;

const boundsStatements = (s: string) =>
  namedStatements({
    boundsLock: `
      SELECT id::text AS id, room::text AS room FROM ${s}.subscriptions WHERE id = ANY ($1::integer[])
      ORDER BY id FOR UPDATE`,
    boundsCount: `
      SELECT count(*)::text AS held, (count(*) FILTER (WHERE available_at <= ${NOW}))::text AS ready FROM ${s}.messages
      WHERE subscription_id = $1 AND ${ALIVE}`,
    boundsSave: `
      UPDATE ${s}.subscriptions SET room = new.room, dropped = subscriptions.dropped + new.dropped
      FROM unnest($1::integer[], $2::bigint[], $3::bigint[]) AS new (id, room, dropped) WHERE subscriptions.id = new.id`,
    boundsDisplace: `
      DELETE FROM ${s}.messages WHERE seq IN (
        SELECT seq FROM ${s}.messages WHERE subscription_id = $1 AND available_at <= ${NOW} AND ${ALIVE}
        ORDER BY available_at, seq LIMIT $2::integer FOR UPDATE)
      RETURNING (CASE WHEN line = 2 THEN key END) AS turn`,
  });

/** One subscription with bounds, while a batch is held against them. */
interface Room {
  /** What fits; exact when it was counted in this transaction, less than that otherwise. */
  left: number;
  isCounted: boolean;
  /** Messages on the server that could make way. */
  ready: number;
  displaced: number;
  dropped: number;
}

/** What becomes of one message where a bound was met. */
export interface Admitted {
  readonly copies: readonly Copy[];
  readonly pressure: Pressure | undefined;
}

/**
 * Holds the messages of one transaction against the bounds of their subscriptions. What each is sure to have room for is
 * kept in a number that publishes lower and nothing raises: acknowledgements know nothing of it. When it would be used up
 * the messages are counted anew, so that the bound is exact and only publishers to subscriptions with bounds pay for it.
 */
export class PostgresBounds implements Census<KnownSubscription> {
  readonly #sql: ReturnType<typeof boundsStatements>;
  readonly #rooms = new Map<number, Room>();
  #copies: Copy[] = [];

  constructor(
    private readonly backend: string,
    schema: string,
    private readonly topology: PostgresTopology,
  ) {
    this.#sql = boundsStatements(schema);
  }

  /** Subscriptions with bounds that a batch could meet, those of overflows included. */
  concerned(takers: readonly (readonly KnownSubscription[])[]): readonly KnownSubscription[] {
    const all = new Set(takers.flat());
    for (const { bounds } of all) {
      if (bounds?.whenFull.kind !== 'overflow') continue;
      for (const other of this.topology.listenersOf(bounds.whenFull.topic)) all.add(other);
    }
    return [...all].filter(({ bounds }) => bounds !== undefined);
  }

  /** Before any question: nobody else publishes to these until the transaction ends. */
  async load(session: Session, concerned: readonly KnownSubscription[], most: number): Promise<void> {
    if (concerned.length === 0) return;
    const { rows } = await session.run(this.#sql.boundsLock, [numberArray(concerned.map(({ id }) => id))]);
    const sure = new Map(rows.map(([id, room]) => [Number(id), Number(room)]));
    for (const { id, bounds } of concerned) {
      const left = sure.get(id) ?? 0;
      const room = left >= most ? undefined : await this.#count(session, id);
      this.#rooms.set(id, {
        left: room === undefined ? left : (bounds?.maxMessages ?? Infinity) - room.held,
        isCounted: room !== undefined,
        ready: room?.ready ?? 0,
        displaced: 0,
        dropped: 0,
      });
    }
  }

  async #count(session: Session, id: number): Promise<{ held: number; ready: number }> {
    const { rows } = await session.run(this.#sql.boundsCount, [id]);
    const [held, ready] = rows[0] ?? [];
    return { held: Number(held), ready: Number(ready) };
  }

  /** Its room is taken when this returns; what it displaces goes with `carryOut`. */
  admit(message: Outgoing, takers: readonly KnownSubscription[]): Admitted | SubscriptionFullError {
    const admission = message.to === undefined ? admit(this.backend, takers, this) : this.#lane(takers);
    if (admission instanceof SubscriptionFullError) return admission;
    for (const taker of admission.displacing) this.#displace(taker);
    const copies = [
      ...admission.takers.map((to): Copy => ({ message, to })),
      ...admission.overflow.map(({ taker, topic }): Copy => ({
        message: overflowing(message, topic),
        to: taker,
      })),
    ];
    this.#copies.push(...copies);
    for (const { to } of copies) this.#take(to.id);
    if (admission.pressure !== undefined) this.#countDropped(admission.pressure);
    return { copies, pressure: admission.pressure };
  }

  /** What is to be stored of all that was admitted. */
  get copies(): readonly Copy[] {
    return this.#copies;
  }

  /** After the last question: removes what is displaced, and keeps what is left of the room. Answers keys that lost their turn. */
  async carryOut(session: Session): Promise<readonly { readonly id: number; readonly key: string }[]> {
    const turns: { id: number; key: string }[] = [];
    for (const [id, { displaced }] of this.#rooms) {
      if (displaced === 0) continue;
      const { rows } = await session.run(this.#sql.boundsDisplace, [id, displaced]);
      for (const [key] of rows) if (typeof key === 'string') turns.push({ id, key });
    }
    const all = [...this.#rooms];
    if (all.length > 0) {
      await session.run(this.#sql.boundsSave, [
        numberArray(all.map(([id]) => id)),
        numberArray(all.map(([, { left }]) => Math.max(0, left))),
        numberArray(all.map(([, { dropped }]) => dropped)),
      ]);
    }
    return turns;
  }

  roomIn({ id }: KnownSubscription): number {
    return this.#rooms.get(id)?.left ?? Infinity;
  }

  canDisplaceIn({ id }: KnownSubscription): boolean {
    return (this.#rooms.get(id)?.ready ?? 0) > 0 || this.#own(id) >= 0;
  }

  listenersOf(topic: string): readonly KnownSubscription[] {
    return this.topology.listenersOf(topic);
  }

  #lane(takers: readonly KnownSubscription[]): Admission<KnownSubscription> | SubscriptionFullError {
    const refusal = admitToLane(this.backend, takers[0] as KnownSubscription, this);
    return refusal ?? { takers, displacing: [], overflow: [], pressure: undefined };
  }

  #displace({ id }: KnownSubscription): void {
    const room = this.#rooms.get(id);
    if (room === undefined) return;
    room.left++;
    if (room.ready === 0) return void this.#copies.splice(this.#own(id), 1);
    room.ready--;
    room.displaced++;
  }

  /** The oldest copy of this batch that would be ready at once. */
  #own(id: number): number {
    return this.#copies.findIndex(({ to, message }) => to.id === id && (message.delayMs ?? 0) <= 0);
  }

  #take(id: number): void {
    const room = this.#rooms.get(id);
    if (room !== undefined) room.left--;
  }

  #countDropped({ dropped, displaced, overflowed }: Pressure): void {
    const names = [...dropped, ...displaced, ...overflowed.map(({ subscription }) => subscription)];
    for (const name of new Set(names)) {
      const room = this.#rooms.get(this.topology.byName.get(name)?.id ?? 0);
      if (room !== undefined) room.dropped++;
    }
  }
}

/** The message as it comes from another topic. */
function overflowing(message: Outgoing, topic: string): Outgoing {
  const headers = withHeaders(message.headers, { [OVERFLOW_HEADER]: message.topic });
  return { ...message, topic, headers, body: message.body };
}
