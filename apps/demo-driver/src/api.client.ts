import { githubSignature } from '../../demo-api/src/webhooks/github-signature.js';
import type { PlannedPost } from './plan.js';

export interface ApiAnswer {
  readonly status: number;
  readonly body: unknown;
}

export interface LetterPage {
  readonly subscription: string;
  readonly letters: readonly { readonly id: string }[];
  readonly next?: string;
}

/** Speaks to the API as GitHub and as an operator. */
export class ApiClient {
  constructor(
    private readonly url: string,
    private readonly secret: string,
  ) {}

  async post({ kind, delivery }: PlannedPost): Promise<number> {
    const secret = kind === 'wrong signature' ? `not ${this.secret}` : this.secret;
    const { status } = await this.#ask('/webhooks/github', {
      method: 'POST',
      headers: {
        'content-type': 'application/json',
        'x-github-event': delivery.event,
        'x-github-delivery': delivery.id,
        'x-hub-signature-256': githubSignature(secret, delivery.body),
      },
      body: delivery.body,
    });
    return status;
  }

  /** How many deliveries the projection has counted. */
  async activityCount(): Promise<number> {
    const { body } = await this.#ask('/activity?limit=1000');
    const { counts } = body as { readonly counts: readonly { readonly count: number }[] };
    return counts.reduce((sum, { count }) => sum + count, 0);
  }

  /** Ids of all dead letters of a subscription, page by page. */
  async deadLetterIds(subscription: string): Promise<string[]> {
    const ids: string[] = [];
    for (let after = ''; ;) {
      const { body } = await this.#ask(`/dead-letters?subscription=${subscription}&limit=10${after}`);
      const [page] = body as readonly [LetterPage];
      ids.push(...page.letters.map(({ id }) => id));
      if (page.next === undefined) return ids;
      after = `&after=${encodeURIComponent(page.next)}`;
    }
  }

  async replay(subscription: string, id: string): Promise<number> {
    const path = `/dead-letters/${encodeURIComponent(id)}/replay?subscription=${subscription}`;
    return (await this.#ask(path, { method: 'POST' })).status;
  }

  async health(): Promise<number> {
    return (await this.#ask('/health')).status;
  }

  async #ask(path: string, init?: RequestInit): Promise<ApiAnswer> {
    const response = await fetch(this.url + path, init);
    return { status: response.status, body: await response.json() };
  }
}
