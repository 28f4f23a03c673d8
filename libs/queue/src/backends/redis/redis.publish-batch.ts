import { SubscriptionFullError } from '../../backend/backend.errors.js';
import type { PublishResult } from '../../backend/backend.js';
import { OVERFLOW_HEADER } from '../../backend/bounds.js';
import { byteLength } from '../../message/body.js';
import type { Retention } from '../../backend/retention.js';
import { withHeaders } from '../../message/headers.js';
import type { Outgoing } from '../../message/outgoing.js';
import type { KnownSubscription, KnownTopology } from './redis.known-topology.js';
import { type Argument, recordOfOutgoing } from './redis.wire.js';

/** What one call of the script takes: it holds up everybody else on the server while it runs. */
const MOST_COPIES = 1_000;
const MOST_BYTES = 4 * 1024 * 1024;
const STORED = 1;
const BEFORE = 2;
const REFUSED = 3;
const ALL_STORED = 1;
const STALE = -1;

const DUPLICATE: PublishResult = Object.freeze({ status: 'stored', copies: 0, duplicate: true });
const RESULTS: readonly PublishResult[] = [0, 1, 2, 3, 4].map((copies) =>
  Object.freeze({ status: 'stored', copies }),
);

/** Messages on their way to one call of the script of publishes, see redis.publish.lua.ts. */
export class PublishBatch {
  /** Where the messages stand in the batch that they come from. */
  readonly places: number[] = [];
  readonly #copies: number[] = [];
  readonly #messages: Argument[] = [];
  /** Subscriptions of this call, by id; a route names them by their place here. */
  readonly #targets = new Map<string, KnownSubscription>();
  /** Messages for one subscription only. */
  readonly #lanes = new Set<number>();
  /** Messages that their topic retains. */
  readonly #retained = new Set<number>();
  readonly #routes = new Map<readonly KnownSubscription[], string>();
  readonly #backend: string;
  readonly #known: KnownTopology;
  #total = 0;
  #bytes = 0;

  constructor(backend: string, known: KnownTopology) {
    this.#backend = backend;
    this.#known = known;
  }

  get isEmpty(): boolean {
    return this.places.length === 0;
  }

  get isFull(): boolean {
    return this.#total >= MOST_COPIES || this.#bytes >= MOST_BYTES;
  }

  add(message: Outgoing, route: readonly KnownSubscription[], place: number): void {
    this.places.push(place);
    this.#copies.push(route.length);
    this.#total += route.length + 1;
    this.#bytes += byteLength(message.body);
    const named = this.#nameOf(route);
    const record = recordOfOutgoing(message);
    const retention = retentionOf(message, this.#known);
    if (retention !== undefined) this.#retained.add(this.places.length - 1);
    if (retention !== undefined || route.some(({ bounds }) => bounds !== undefined)) {
      const kept =
        retention === undefined ? NOT_KEPT : [message.topic, retention.forMs, retention.maxMessages ?? ''];
      const lane = this.#laneOf(message);
      this.#messages.push(
        `#${named}`,
        ...wishesOf(message),
        record,
        lane,
        ...kept,
        ...this.#overflowOf(message, route),
      );
    } else if (isPlain(message, route)) this.#messages.push(named, record);
    else this.#messages.push(`!${named}`, ...wishesOf(message), record);
  }

  arguments(): readonly Argument[] {
    const targets = [...this.#targets.values()].flatMap(argumentsOf);
    return [this.#known.version ?? '', this.#total, this.#targets.size, ...targets, ...this.#messages];
  }

  /** What became of the nth message; undefined when the topology is another one by now. */
  resultOf(nth: number, answer: unknown): PublishResult | undefined {
    if (answer === STALE) return undefined;
    const told = answer === ALL_STORED ? STORED : (answer as readonly unknown[])[nth];
    if (told === BEFORE) return DUPLICATE;
    const result =
      told === STORED
        ? storedIn(this.#copies[nth] as number)
        : this.#metBounds(told as readonly [number, ...unknown[]], nth);
    return this.#retained.has(nth) && result.status === 'stored' ? { ...result, retained: true } : result;
  }

  #metBounds([what, ...told]: readonly [number, ...unknown[]], nth: number): PublishResult {
    if (what === REFUSED) return { status: 'refused', error: this.#fullError(told[0] as number, nth) };
    const [copies, dropped, displaced, overflowed, perSecond] = told;
    const speed = String(perSecond);
    const named = (numbers: unknown): readonly KnownSubscription[] =>
      (numbers as readonly number[]).map((number) => this.#target(number));
    const pressure = {
      dropped: named(dropped).map(({ name }) => name),
      displaced: named(displaced).map(({ name }) => name),
      overflowed: named(overflowed).map(overflowOf),
      perSecond: speed === '' ? undefined : Number(speed),
    };
    return { status: 'stored', copies: copies as number, pressure };
  }

  #fullError(number: number, nth: number): SubscriptionFullError {
    const { name: subscription, bounds } = this.#target(number);
    const { maxMessages = 0, whenFull } = bounds ?? {};
    const isLane = this.#lanes.has(nth);
    const blockMs = !isLane && whenFull?.kind === 'block' ? whenFull.withinMs : undefined;
    return new SubscriptionFullError(this.#backend, { subscription, maxMessages, blockMs });
  }

  #target(number: number): KnownSubscription {
    return [...this.#targets.values()][number - 1] as KnownSubscription;
  }

  #laneOf({ to }: Outgoing): string {
    if (to === undefined) return '';
    this.#lanes.add(this.places.length - 1);
    return 'lane';
  }

  /** Where the message goes instead of those who let it overflow, and what it is there. */
  #overflowOf(message: Outgoing, route: readonly KnownSubscription[]): readonly Argument[] {
    if (message.to !== undefined) return [0];
    const overflowing = route.filter(({ bounds }) => bounds?.whenFull.kind === 'overflow');
    const places = overflowing.flatMap((target) => {
      const { topic } = overflowOf(target);
      const instead = this.#known.listenersOf(topic);
      this.#total += instead.length;
      return [this.#numberOf(target), this.#nameOf(instead), recordOfOutgoing(overflowed(message, topic))];
    });
    return [overflowing.length, ...places];
  }

  #nameOf(route: readonly KnownSubscription[]): string {
    let named = this.#routes.get(route);
    if (named === undefined) {
      named = route.map((target) => this.#numberOf(target)).join(',');
      this.#routes.set(route, named);
    }
    return named;
  }

  #numberOf(target: KnownSubscription): number {
    if (!this.#targets.has(target.id)) this.#targets.set(target.id, target);
    return [...this.#targets.keys()].indexOf(target.id) + 1;
  }
}

const NOT_KEPT: readonly Argument[] = ['', '', ''];

/** How long the topic of a message retains it; undefined: not at all. */
export function retentionOf({ topic, to }: Outgoing, { retentions }: KnownTopology): Retention | undefined {
  return to === undefined ? retentions.get(topic) : undefined;
}

/** Nothing but a record, as most messages are. */
function isPlain(
  { delayMs, ttlMs, priority, dedup, key, to }: Outgoing,
  route: readonly KnownSubscription[],
): boolean {
  if (delayMs || ttlMs !== undefined || priority || (dedup !== undefined && to === undefined)) return false;
  return key === undefined || !route.some(({ ordered }) => ordered);
}

function wishesOf({ delayMs, ttlMs, priority, key, dedup, to, topic, id }: Outgoing): readonly Argument[] {
  const once = to === undefined ? dedup : undefined;
  return [
    delayMs || '',
    ttlMs ?? '',
    priority || '',
    key ?? '',
    once === undefined ? '' : `${topic}\n${once.id ?? id}`,
    once === undefined ? '' : Math.ceil(once.windowMs),
    delayMs ? id : '',
  ];
}

function argumentsOf({ id, ordered, bounds }: KnownSubscription): readonly Argument[] {
  const perSecond = bounds?.whenFull.kind === 'throttle' ? bounds.whenFull.perSecond : '';
  return [id, ordered ? 'o' : '-', bounds?.maxMessages ?? '', bounds?.whenFull.kind ?? '', perSecond];
}

function storedIn(copies: number): PublishResult {
  return RESULTS[copies] ?? { status: 'stored', copies };
}

/** Whose copy goes elsewhere, and where. */
function overflowOf({ name, bounds }: KnownSubscription): {
  readonly subscription: string;
  readonly topic: string;
} {
  return { subscription: name, topic: bounds?.whenFull.kind === 'overflow' ? bounds.whenFull.topic : '' };
}

/** The message as it comes from another topic. */
function overflowed(message: Outgoing, topic: string): Outgoing {
  const headers = withHeaders(message.headers, { [OVERFLOW_HEADER]: message.topic });
  return { ...message, topic, headers, body: message.body };
}
