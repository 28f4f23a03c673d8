import { sameRetention, type TopicTopology } from '../../backend/retention.js';
import { matchesTopic } from '../../message/topic-pattern.js';
import { MemoryLog, type Retained } from './memory.log.js';

/** What topics retain, for subscriptions that come later. */
export class MemoryLogs {
  readonly #logs = new Map<string, MemoryLog>();

  of(topic: string): MemoryLog | undefined {
    return this.#logs.size === 0 ? undefined : this.#logs.get(topic);
  }

  all(): Iterable<MemoryLog> {
    return this.#logs.values();
  }

  declare({ name, retain }: TopicTopology): void {
    if (retain === undefined) return;
    const log = this.#logs.get(name);
    if (retain === false) this.#logs.delete(name);
    else if (log === undefined) this.#logs.set(name, new MemoryLog(retain));
    else log.retention = retain;
  }

  differs({ name, retain }: TopicTopology): boolean {
    return retain !== undefined && !sameRetention(retain || undefined, this.#logs.get(name)?.retention);
  }

  /** What a subscription to these topics or patterns starts with: by the time it became, or becomes, due. */
  earliest(topics: readonly string[], monoMs: number): readonly Retained[] {
    const found = this.#matching(topics).flatMap((log) => log.live(monoMs));
    return found.toSorted((a, b) => readyAt(a) - readyAt(b));
  }

  /** Whether the topic, or one that matches the pattern, retains its messages once these are declared. */
  willRetain(wanted: string, declared: readonly TopicTopology[]): boolean {
    const isGone = new Set(declared.filter(({ retain }) => retain === false).map(({ name }) => name));
    const coming = declared.filter(({ retain }) => retain).map(({ name }) => name);
    return [...this.#logs.keys(), ...coming].some((name) => !isGone.has(name) && matchesTopic(wanted, name));
  }

  #matching(topics: readonly string[]): readonly MemoryLog[] {
    const names = [...this.#logs.keys()].filter((name) => topics.some((topic) => matchesTopic(topic, name)));
    return names.map((name) => this.#logs.get(name) as MemoryLog);
  }
}

/** Monotonic ms. */
export function readyAt({ message, stamp }: Retained): number {
  return stamp.monoMs + (message.delayMs ?? 0);
}
