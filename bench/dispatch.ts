import type { MessageContext } from '../libs/queue/src/interceptors/message-context.ts';
import type { Contender, HandlerShape, Measure, Workload } from './contender.ts';
import { type App, start } from './contenders/nest-handlers.ts';
import { payload } from './traffic.ts';

export type Dispatch = (context: MessageContext) => unknown;
/** Makes what is called for every message. Nothing of it is measured. */
export type Compile = (app: App, shape: HandlerShape) => Dispatch | Promise<Dispatch>;

/** Calls a handler one message after the other, and waits for each as the consumer's lanes do. */
export function dispatching(compile: Compile): Contender {
  const dispatch: Measure = async (load, meter) => {
    const shape = load.handler ?? 'bare';
    const started = await start(shape);
    const call = await compile(started, shape);
    const context = messageContext(load);
    await callAll(call, context, load.warmup);
    meter.start();
    await callAll(call, context, load.messages);
    meter.stop(load.messages);
    await started.app.close();
  };
  return { phases: { dispatch } };
}

async function callAll(call: Dispatch, context: MessageContext, count: number): Promise<void> {
  for (let left = count; left > 0; left--) {
    const answer = call(context);
    if (typeof (answer as { then?: unknown } | undefined)?.then === 'function') await answer;
  }
}

function messageContext(load: Workload): MessageContext {
  const context: Partial<MessageContext> = { id: '1', topic: 'bench', data: payload(load), attempt: 1 };
  return context as MessageContext;
}
