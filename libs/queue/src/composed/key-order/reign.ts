import type { Ambient } from '../../ambient/ambient.js';
import type { CancelTimer } from '../../ambient/clock.js';
import type { Receiver, Settlement, SettleResult } from '../../backend/backend.js';
import type { Capabilities } from '../../backend/capabilities.js';
import type { KeyOrder } from '../../backend/key-order.js';
import type { Delivery } from '../../message/delivery.js';
import { Counting } from './counting.js';
import { HandingOut } from './handing-out.js';
import { Intake, releaseAll } from './intake.js';
import { KeyLines } from './key-lines.js';
import { type Forgotten, Mover } from './mover.js';
import type { Park } from './park.js';
import type { KeyLine, Place } from './place.js';
import { Settling } from './settling.js';
import type { Takers } from './takers.js';

export interface ReignParts {
  readonly backend: string;
  readonly ambient: Ambient;
  readonly park: Park;
  /** The broker's, without an order by key. */
  readonly receiver: Receiver;
  readonly takers: Takers;
  readonly subscription: string;
  readonly leaseMs: number;
  readonly maxLeaseMs: number;
  readonly batch: Capabilities['batch'];
  /** Nobody takes any more. */
  readonly isLeaving: () => boolean;
  /** Something was settled, or came to an end. */
  readonly settled: () => void;
  readonly report: (doing: string, error: unknown) => void;
}

/** Most messages of the broker that wait here behind others of their key, of one key and in all; more are parked. */
const MOST_WAITING = { ofKey: 100, inAll: 1_000 };

/**
 * The time in which one process handles a subscription: takes what the broker has in its order, keeps apart what has to wait
 * for its key, and hands out the rest. What has waited for half its lease is parked, and so is what is too much to wait here.
 */
export class Reign {
  readonly lines: KeyLines;
  readonly #parts: ReignParts;
  readonly #handing: HandingOut;
  readonly #mover: Mover;
  readonly #intake: Intake;
  readonly #counting: Counting;
  readonly #settling: Settling;
  #cancelSweep: CancelTimer | undefined;
  #isOver = false;
  /** Whether the broker has got back all that it was to get back so far. */
  #givenBack: Promise<boolean> = Promise.resolve(true);

  constructor(parts: ReignParts) {
    this.#parts = parts;
    const { ambient, park, receiver, takers } = parts;
    const { clock } = ambient;
    const changed = (): void => this.turn();
    this.lines = new KeyLines(clock, changed);
    const { lines } = this;
    this.#handing = new HandingOut({ ...parts, clock, expired: (place) => this.#expired(place) });
    this.#mover = new Mover({
      park,
      lines,
      receiver,
      changed,
      handing: this.#handing,
      mostAtOnce: parts.batch.settle,
    });
    this.#counting = new Counting({
      park,
      lines,
      clock,
      handing: this.#handing,
      takers,
      report: parts.report,
    });
    const core = { park, lines, receiver, clock, handing: this.#handing, mover: this.#mover, changed };
    this.#settling = new Settling({ ...parts, ...core });
    this.#intake = new Intake({
      ...parts,
      wanted: () => takers.demand - lines.ready.length,
      arrived: (deliveries) => this.#arrived(deliveries),
    });
  }

  /** Everything here is settled, and the broker has got back what was not handed out. */
  get isAtRest(): boolean {
    return this.#handing.count === 0;
  }

  /** Reads what is parked, and begins. */
  async begin(): Promise<void> {
    const { lines } = this;
    for await (const entry of this.#parts.park.load()) {
      const { key, deadAt, holds, isLoose } = entry.record;
      if (deadAt !== undefined && holds !== true) continue;
      const place = lines.newPlace();
      place.entry = entry;
      if (isLoose === true) lines.look(place);
      else lines.join(place, key);
    }
    this.turn();
  }

  async settle(acts: readonly Settlement[], order: KeyOrder): Promise<readonly SettleResult[]> {
    const results = await this.#settling.settle(acts, order);
    this.#parts.settled();
    return results;
  }

  /** What a settlement hears that comes too late. */
  answerAfter(delivery: Delivery): 'lost' | 'noop' {
    return this.#handing.find(delivery) === 'noop' ? 'noop' : 'lost';
  }

  /** To be called whenever there is more to hand out, or somebody more or less to take it. */
  turn(): void {
    if (this.#isOver) return;
    const { takers } = this.#parts;
    takers.serve((max) => this.#take(max));
    void this.#counting.turn().then((counted) => counted && this.turn());
    this.#intake.turn();
    this.#sweepLater();
  }

  /** Dead letters that hold their key may have been revived or purged. */
  async refresh(): Promise<void> {
    await this.#counting.readAgain([...this.lines.held]);
    this.turn();
  }

  /** The broker gets back what is not handed out, once nothing more arrives. Answers whether it is certain that it did, now and before. */
  giveBack(): Promise<boolean> {
    this.#givenBack = this.#givenBack.then(async (isCertain) => (await this.#giveBack()) && isCertain);
    return this.#givenBack;
  }

  async #giveBack(): Promise<boolean> {
    const { lines } = this;
    await this.#intake.idle();
    if (!this.#isOver && !this.#parts.isLeaving()) return true; // somebody has come meanwhile
    const places = lines.dropWaiting();
    for (const place of places) lines.forget(place);
    const originals = places.map(({ original }) => original as Delivery);
    const [isCertain] = await Promise.all([
      releaseAll(this.#parts.receiver, originals, this.#parts.batch.settle),
      this.#counting.takeBack(),
    ]);
    return isCertain;
  }

  /** Nothing is handed out any more. Never rejects. */
  async stop(): Promise<void> {
    this.#isOver = true;
    this.#cancelSweep?.();
    this.lines.stop();
    this.#handing.stop();
    await this.#intake.stop();
  }

  #take(max: number): readonly Delivery[] {
    const { ready } = this.lines;
    const taken: Delivery[] = [];
    while (taken.length < max) {
      const place = ready.shift();
      if (place === undefined) break;
      if (place.entry !== undefined) taken.push(this.#handing.handParked(place));
      else if (this.#isOld(place)) this.#putAway(place);
      else taken.push(this.#handing.handBrokers(place));
    }
    return taken;
  }

  #arrived(deliveries: readonly Delivery[]): void {
    const forgotten: Forgotten[] = [];
    const crowded = new Set<KeyLine>();
    for (const delivery of deliveries) this.#arrive(delivery, forgotten, crowded);
    if (forgotten.length > 0) void this.#mover.forget(forgotten);
    for (const line of crowded) this.#park(line);
    this.turn();
    const unwanted = this.lines.ready.filter(({ line, entry }) => line === undefined && entry === undefined);
    for (const place of unwanted) this.#putAway(place);
  }

  #arrive(delivery: Delivery, forgotten: Forgotten[], crowded: Set<KeyLine>): void {
    const { lines } = this;
    const { park, ambient } = this.#parts;
    const name = delivery.ref ?? delivery.id;
    const isAgain = delivery.ref !== undefined || delivery.attempt > 1;
    if (isAgain && park.isExpected(name)) return void forgotten.push({ name, delivery });
    const known = isAgain && delivery.key !== undefined ? lines.known.get(name) : undefined;
    const place = known ?? lines.newPlace();
    place.original = delivery;
    place.leaseEndsAt = ambient.clock.mono() + delivery.leaseMs;
    if (known !== undefined) return this.#cameAgain(known);
    if (delivery.key === undefined) return lines.look(place);
    place.name = name;
    lines.known.set(name, place);
    const line = lines.join(place, delivery.key);
    const isFull = lines.known.size - this.#handing.count > MOST_WAITING.inAll;
    if (line.size > 1 && (isFull || line.size > MOST_WAITING.ofKey)) crowded.add(line);
  }

  /** Its lease had ended: the delivery before this one settles nothing any more. */
  #cameAgain(place: Place): void {
    if (place.state !== 'out') return;
    this.#handing.revoke(place);
    place.state = 'waiting';
    if (place.moving === undefined) this.lines.look(place);
  }

  #expired(place: Place): void {
    place.state = 'waiting';
    this.lines.look(place);
    this.turn();
    this.#parts.settled();
  }

  /** It has waited for half its lease. */
  #isOld({ leaseEndsAt }: Place): boolean {
    return leaseEndsAt - this.#parts.ambient.clock.mono() < this.#parts.leaseMs / 2;
  }

  /** It is not handed out: it goes to the park, or without a key back to the broker. */
  #putAway(place: Place): void {
    if (place.line !== undefined) return this.#park(place.line);
    this.lines.end(place);
    const { receiver, report } = this.#parts;
    receiver
      .settle([{ kind: 'release', delivery: place.original as Delivery }])
      .catch((error: unknown) => report('give a message back', error));
  }

  /** Not while the broker is being told of its first one. */
  #park(line: KeyLine): void {
    const places = [...line].filter(({ original, moving }) => original !== undefined && moving === undefined);
    if (places.length === 0 || places.some(({ settling }) => settling > 0)) return;
    this.#mover.move(places).catch(() => undefined); // the reign is over then, and everything is read anew
  }

  #sweepLater(): void {
    if (this.lines.known.size === 0 || this.#cancelSweep !== undefined) return;
    this.#cancelSweep = this.#parts.ambient.clock.timer(this.#parts.leaseMs / 4, () => {
      this.#cancelSweep = undefined;
      this.#sweep();
      this.#sweepLater();
    });
  }

  /** Parks the keys of what has waited for long, and of what should have come again from the broker and has not. */
  #sweep(): void {
    const now = this.#parts.ambient.clock.mono();
    const old = new Set<KeyLine>();
    for (const place of this.lines.known.values()) {
      const { state, leaseEndsAt, line, moving } = place;
      if (line === undefined || moving !== undefined) continue;
      if (state !== 'out' ? this.#isOld(place) : leaseEndsAt + this.#parts.leaseMs / 2 < now) old.add(line);
      if (state === 'out' && leaseEndsAt + this.#parts.leaseMs / 2 < now) this.#handing.revoke(place);
    }
    for (const line of old) this.#park(line);
  }
}
