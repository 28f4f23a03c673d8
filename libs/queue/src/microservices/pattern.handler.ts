import { isObservable, type Observable } from 'rxjs';
import type { MessageHandler } from '../consume/handler.js';
import { currentHandling } from '../interceptors/current.js';
import type { Handling } from '../interceptors/handling.js';
import type { MessageContext } from '../interceptors/message-context.js';
import type { Replier } from '../interceptors/replier.js';
import { Verdict } from '../policies/verdicts.js';
import { QueueRpcContext } from './queue-rpc.context.js';
import { answerIn, failureOf, PatternFailedError } from './rpc.failure.js';
import { lastOf } from './stream.js';
import type { ServerWire } from './wire.js';

/** What Nest registers for a pattern: guards, pipes, interceptors, filters and the method in one function. */
export type PatternMethods = (data: unknown, context: QueueRpcContext) => unknown;

/** Runs `run` between the hooks of Nest that are told of the start and the end of a message. */
export type WithHooks = (context: QueueRpcContext, run: () => Promise<unknown>) => Promise<unknown>;

export interface PatternParts {
  readonly name: string;
  /** As Nest writes it. */
  readonly route: string;
  readonly callback: PatternMethods;
  readonly wire: ServerWire;
  readonly replier: Replier;
  readonly hooks: WithHooks;
}

/**
 * The methods of one `@MessagePattern` or `@EventPattern` as a handler of ours. A stream is handled when it has ended;
 * its values go to the requester as they come. An RpcException is an answer, and the request is done; any other error
 * is a failed attempt.
 */
export class PatternHandler implements MessageHandler {
  readonly name: string;
  readonly #parts: PatternParts;

  constructor(parts: PatternParts) {
    this.name = parts.name;
    this.#parts = parts;
  }

  async handle(context: MessageContext): Promise<unknown> {
    const { route, callback, wire, hooks } = this.#parts;
    const handling = currentHandling() as Handling;
    const data = await wire.dataOf(context);
    const rpc = new QueueRpcContext([context, route]);
    try {
      return await hooks(rpc, async () => this.#finished(await callback(data, rpc), handling));
    } catch (error) {
      return this.#failed(error, handling);
    }
  }

  async #finished(answer: unknown, handling: Handling): Promise<unknown> {
    if (!isObservable(answer)) return answer;
    const { replier } = this.#parts;
    const address = replier.addressOf(handling.delivery);
    const send = async (value: unknown): Promise<void> => {
      if (address !== undefined)
        await replier.reply(address, { kind: 'value', seq: handling.replies++, value });
    };
    return lastOf(answer as Observable<unknown>, send, handling.signal);
  }

  async #failed(error: unknown, handling: Handling): Promise<unknown> {
    const { replier } = this.#parts;
    const answer = error instanceof Verdict ? undefined : answerIn(error);
    const address = answer === undefined ? undefined : replier.addressOf(handling.delivery);
    if (answer !== undefined && address !== undefined) {
      const failure = failureOf(answer);
      await replier.reply(address, { kind: 'failure', seq: handling.replies, failure });
      handling.isAnswered = true;
      return undefined;
    }
    throw error instanceof Error ? error : new PatternFailedError(this.name, error);
  }
}
