import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { ACCEPTS, HEALTHY, type Answer, type Fate } from './fate.js';

/** The service that the notifier calls: it fails as its script says, and keeps the record that the verdict reads. */
export class Downstream {
  readonly #server: Server;
  readonly #fates: Map<string, Fate>;
  /** Requests per delivery. */
  readonly requests = new Map<string, number>();
  /** Requests per delivery that were answered with 200. */
  readonly accepted = new Map<string, number>();
  #total = 0;
  #unanswered = 0;

  /** Called with the number of requests so far, before the newest one is answered. */
  onRequest: (total: number) => void = () => {};

  constructor(fates: ReadonlyMap<string, Fate>) {
    this.#fates = new Map(fates);
    this.#server = createServer((request, response) => {
      this.#answer(request, response);
    });
  }

  async open(): Promise<void> {
    this.#server.listen(0, '127.0.0.1');
    await once(this.#server, 'listening');
  }

  get url(): string {
    const { port } = this.#server.address() as AddressInfo;
    return `http://127.0.0.1:${port}/notifications`;
  }

  /** Requests so far. */
  get total(): number {
    return this.#total;
  }

  /** Requests that wait for their answer right now, those included that get none. */
  get unanswered(): number {
    return this.#unanswered;
  }

  /** From now on this delivery is accepted. */
  mend(id: string): void {
    this.#fates.set(id, HEALTHY);
  }

  async close(): Promise<void> {
    this.#server.close();
    this.#server.closeAllConnections();
    await once(this.#server, 'close');
  }

  #answer(request: IncomingMessage, response: ServerResponse): void {
    request.resume();
    this.#unanswered++;
    response.once('close', () => this.#unanswered--);
    const id = String(request.headers['idempotency-key']);
    const earlier = this.requests.get(id) ?? 0;
    this.requests.set(id, earlier + 1);
    this.onRequest(++this.#total);
    const { first, always } = this.#fates.get(id) ?? HEALTHY;
    const answer = first[earlier] ?? always;
    if (answer === ACCEPTS) this.accepted.set(id, (this.accepted.get(id) ?? 0) + 1);
    send(response, answer);
  }
}

function send(response: ServerResponse, answer: Answer): void {
  if (answer === 'silence') return;
  if (answer.retryAfterSeconds !== undefined) response.setHeader('Retry-After', answer.retryAfterSeconds);
  response.writeHead(answer.status).end();
}
