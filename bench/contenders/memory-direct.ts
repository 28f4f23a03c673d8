import type { Contender, Workload } from '../contender.ts';
import type { Meter } from '../meter.ts';
import { measurePublishes } from '../traffic.ts';

async function publishAndHandle(load: Workload, meter: Meter): Promise<void> {
  let handled = 0;
  const handle = async (_data: unknown): Promise<void> => {
    handled++;
  };
  await measurePublishes(load, meter, handle);
  if (handled !== load.warmup + load.messages) throw new Error('a message was not handled');
}

/** No queue at all: the handler is called and awaited. */
export const contender: Contender = { phases: { 'publish+handle': publishAndHandle } };
