import type { Outgoing } from '../message/outgoing.js';
import { withMessage } from './with-message.js';
import { withHeaders } from '../message/headers.js';

/** The places a message was relayed from, oldest first, separated by commas. Names have none. */
export const VIA_HEADER = 'pp-via';

export interface LoopGuardOptions {
  /** The backend that the relay takes from, by a name that every process that relays from it uses. */
  readonly from: string;
  readonly to: string;
  /** Relays that one message may pass. Default 8. */
  readonly maxHops?: number;
}

/**
 * Keeps messages from going round: none enters a topic of a backend that it was relayed from before, nor passes more
 * than `maxHops` relays, which holds where one backend has different names in different services.
 */
export class LoopGuard {
  readonly #maxHops: number;

  constructor(private readonly options: LoopGuardOptions) {
    this.#maxHops = options.maxHops ?? 8;
  }

  /** `changed` is `taken` as it is to be published. Answers it with this hop written down; undefined: it must not go. */
  pass(taken: Outgoing, changed: Outgoing): Outgoing | undefined {
    const via = taken.headers[VIA_HEADER]?.split(',') ?? [];
    const from = `${this.options.from}/${taken.topic}`;
    const to = `${this.options.to}/${changed.topic}`;
    if (from === to || via.includes(to) || via.length >= this.#maxHops) return undefined;
    const headers = withHeaders(changed.headers, { [VIA_HEADER]: [...via, from].join(',') });
    return withMessage(changed, { headers });
  }
}
