import type { Clock } from '../../ambient/clock.js';
import type { Store } from '../../store/store.js';

/** One subscription that listens to one topic. */
export interface Listening {
  readonly topic: string;
  readonly subscription: string;
}

const PREFIX = 'fan-out/';
const PAGE = 500;
/** How old an answer may be that only says how many copies there will be. */
const FRESH_MS = 1_000;

/** Who listens to what, in a store that all processes share. Names have no slash, so keys do not meet. */
export class Listeners {
  readonly #known = new Map<string, { readonly subscriptions: readonly string[]; readonly at: number }>();

  constructor(
    private readonly store: Store,
    private readonly clock: Clock,
  ) {}

  async add(listening: readonly Listening[]): Promise<void> {
    const keys = listening.map(({ topic, subscription }) => `${PREFIX}${topic}/${subscription}`);
    const found = await this.store.read(keys);
    const missing = keys.filter((_, at) => found[at] === undefined);
    if (missing.length > 0) await this.store.write(missing.map((key) => ({ op: 'put', key, value: '' })));
    for (const { topic } of listening) this.#known.delete(topic);
  }

  /** As the store has it now. */
  async of(topic: string): Promise<readonly string[]> {
    const subscriptions = (await this.#listed(`${PREFIX}${topic}/`)).map(({ subscription }) => subscription);
    this.#known.set(topic, { subscriptions, at: this.clock.mono() });
    return subscriptions;
  }

  /** As it was up to a second ago. */
  async lately(topic: string): Promise<readonly string[]> {
    const known = this.#known.get(topic);
    const isFresh = known !== undefined && this.clock.mono() - known.at < FRESH_MS;
    return isFresh ? known.subscriptions : this.of(topic);
  }

  /** All of them. */
  all(): Promise<readonly Listening[]> {
    return this.#listed(PREFIX);
  }

  async #listed(prefix: string): Promise<readonly Listening[]> {
    const found: Listening[] = [];
    for (let after: string | undefined; ;) {
      const entries = await this.store.scan(
        prefix,
        after === undefined ? { limit: PAGE } : { limit: PAGE, after },
      );
      for (const { key } of entries) found.push(listeningOf(key));
      if (entries.length < PAGE) return found;
      after = entries.at(-1)?.key;
    }
  }
}

function listeningOf(key: string): Listening {
  const [topic = '', subscription = ''] = key.slice(PREFIX.length).split('/');
  return { topic, subscription };
}
