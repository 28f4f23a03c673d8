import { AsyncResource } from 'node:async_hooks';
import type { ExecutionContext, NestInterceptor } from '@nestjs/common';
import { from, isObservable, lastValueFrom, Observable, type ObservableInput, type Subscriber } from 'rxjs';
import { isThenable } from '../consume/thenable.js';

/** Nest's interceptors around the rest of a call: the only place where a message meets rxjs. */
export class InterceptorRing {
  constructor(private readonly interceptors: readonly [NestInterceptor, ...NestInterceptor[]]) {}

  /** Resolves to the last value of what the outermost interceptor returned. */
  async run(context: ExecutionContext, call: () => unknown): Promise<unknown> {
    return lastValueFrom(from((await this.#intercept({ context, call }, 0)) as ObservableInput<unknown>));
  }

  #intercept(round: Round, at: number): Observable<unknown> | Promise<Observable<unknown>> {
    const interceptor = this.interceptors[at] as NestInterceptor;
    return interceptor.intercept(round.context, { handle: () => this.#rest(round, at + 1) });
  }

  /** Starts at each subscription, in the async context in which `handle()` was called: `retry()` and stores both work. */
  #rest(round: Round, at: number): Observable<unknown> {
    const scope = new AsyncResource('QueueHandler');
    const innermost = at === this.interceptors.length;
    return new Observable((subscriber) => {
      const start = innermost
        ? () => callUnlessGone(round, subscriber)
        : async () => this.#intercept(round, at);
      const started = scope.runInAsyncScope(start);
      return feed(subscriber, started, innermost ? valueOf : from);
    });
  }
}

interface Round {
  readonly context: ExecutionContext;
  readonly call: () => unknown;
}

/** A turn later, as Nest does: a subscriber that leaves at once has not asked for the call. */
async function callUnlessGone(round: Round, subscriber: Subscriber<unknown>): Promise<unknown> {
  await Promise.resolve();
  return subscriber.closed ? undefined : round.call();
}

/** Emits what `started` resolves to, unless nobody listens any more. */
function feed(
  subscriber: Subscriber<unknown>,
  started: Promise<unknown>,
  streamOf: (result: never) => Observable<unknown> | undefined,
): () => void {
  let inner: { unsubscribe(): void } | undefined;
  started
    .then((result) => {
      if (subscriber.closed) return;
      const stream = streamOf(result as never);
      if (stream !== undefined) inner = stream.subscribe(subscriber);
      else emit(subscriber, result);
    })
    .catch((error: unknown) => subscriber.error(error));
  return () => inner?.unsubscribe();
}

/** A handler's Observable is a stream; anything else it returned, arrays included, is one value. */
function valueOf(result: unknown): Observable<unknown> | undefined {
  return isObservable(result) ? result : undefined;
}

function emit(subscriber: Subscriber<unknown>, value: unknown): void {
  subscriber.next(value);
  subscriber.complete();
}

/** What a handler's answer comes to: that of its promise, or the last value of its Observable. */
export function settledAnswer(answer: unknown): unknown {
  if (isObservable(answer)) return lastValueFrom(answer);
  return isThenable(answer) ? answer.then(lastOf) : answer;
}

function lastOf(answer: unknown): unknown {
  return isObservable(answer) ? lastValueFrom(answer) : answer;
}
