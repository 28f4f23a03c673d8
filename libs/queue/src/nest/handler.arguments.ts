import type { HandlerCall } from './handler.call.js';
import type { Param, Params } from './handler.params.js';
import { isThenable } from '../consume/thenable.js';

/** The arguments of one call; a promise only when a pipe or a parameter's factory is asynchronous. */
export type FillArguments = (call: HandlerCall) => unknown[] | Promise<unknown[]>;

export function argumentFiller({ count, list }: Params): FillArguments {
  return (call) => {
    const args = new Array<unknown>(count).fill(undefined);
    const waits: Promise<void>[] = [];
    for (const param of list) {
      const wait = fillOne(args, param, call);
      if (wait !== undefined) waits.push(wait);
    }
    return waits.length === 0 ? args : Promise.all(waits).then(() => args);
  };
}

/** An error is a rejection, so that the promises of other parameters are not left alone when one pipe throws. */
function fillOne(args: unknown[], param: Param, call: HandlerCall): Promise<void> | undefined {
  try {
    const value = piped(param, param.extract(call));
    if (value instanceof Later) return value.into(args, param.index);
    args[param.index] = value;
    return undefined;
  } catch (error) {
    return Promise.reject(error);
  }
}

/** A value on its way through asynchronous pipes. Marked, because a payload may look like a promise. */
class Later {
  constructor(private readonly value: Promise<unknown>) {}

  async into(args: unknown[], index: number): Promise<void> {
    args[index] = await this.value;
  }
}

function piped(param: Param, extracted: unknown): unknown {
  const { pipes, metadata, custom } = param;
  if (custom && isThenable(extracted)) return new Later(pipedLater(param, extracted, 0));
  let value = extracted;
  for (let at = 0; at < pipes.length; at++) {
    const result: unknown = (pipes[at] as Param['pipes'][number]).transform(value, metadata);
    if (isThenable(result)) return new Later(pipedLater(param, result, at + 1));
    value = result;
  }
  return value;
}

async function pipedLater(
  { pipes, metadata }: Param,
  pending: PromiseLike<unknown>,
  at: number,
): Promise<unknown> {
  let value = await pending;
  for (const pipe of pipes.slice(at)) value = await pipe.transform(value, metadata);
  return value;
}
