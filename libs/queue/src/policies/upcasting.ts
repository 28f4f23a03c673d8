import type { DomainEvent } from '../message/event.js';
import { QueueError } from '../message/queue-error.js';
import {
  stepsBetween,
  type UpcastChains,
  type Upcaster,
  UnknownVersionError,
  UpcastError,
} from './upcasters.js';

const NOTHING: readonly Upcaster[] = Object.freeze([]);

/** What becomes of older events on their way to one handler. */
export class Upcasting {
  /** By type and version; only those that a chain knows, so it cannot grow with what others send. */
  readonly #ways = new Map<string, Map<string, readonly Upcaster[]>>();

  /** `version` is what the handler declared; undefined: the newest that there is, and unknown ones as they are. */
  constructor(
    chains: UpcastChains,
    readonly version: string | undefined,
  ) {
    for (const [type, chain] of chains) {
      const ways = new Map<string, readonly Upcaster[]>();
      for (const from of chain.steps.keys()) {
        const way = stepsBetween(chain, from, version ?? chain.newest);
        if (way !== undefined) ways.set(from, way);
      }
      this.#ways.set(type, ways);
    }
  }

  /** The same event where there is nothing to do. Throws UpcastError or UnknownVersionError. */
  apply(event: DomainEvent): DomainEvent {
    let { data } = event;
    const way = this.#way(event);
    for (const step of way) data = up(step, data);
    const last = way.at(-1);
    return last === undefined ? event : { ...event, data, schema_version: last.to };
  }

  #way({ event_type: type, schema_version: from }: DomainEvent): readonly Upcaster[] {
    if (from === this.version) return NOTHING;
    const way = this.#ways.get(type)?.get(from);
    if (way !== undefined) return way;
    if (this.version === undefined) return NOTHING;
    throw new UnknownVersionError(
      `the event has schema_version "${from}", the handler takes "${this.version}", and no upcaster leads there`,
    );
  }
}

function up({ type, from, to, up: change }: Upcaster, data: unknown): unknown {
  let changed: unknown;
  try {
    changed = change(data);
  } catch (cause) {
    throw new UpcastError(`the upcaster of "${type}" from "${from}" to "${to}" failed: ${said(cause)}`, {
      cause,
    });
  }
  if (!(changed instanceof Promise)) return changed;
  changed.catch(() => undefined);
  throw new UpcastError(`the upcaster of "${type}" from "${from}" to "${to}" answered with a promise`);
}

function said(cause: unknown): string {
  return cause instanceof QueueError || cause instanceof Error ? cause.name : typeof cause;
}
