import { hostname } from 'node:os';
import type { Ambient } from '../ambient/ambient.js';
import { objectionToGate } from '../composed/key-order/key-gate.js';
import { KeyOrderBackend } from '../composed/key-order/key-order.backend.js';
import { describeError } from '../message/error-info.js';
import type { ComposedBackend } from './lazy.backend.js';

export interface KeyGateParts {
  readonly ambient: Ambient;
  readonly report: (sentence: string) => void;
}

/** The backend as it is, or with a gate in front of it that gives it an order by key. */
export function withKeyGate(opened: ComposedBackend, { ambient, report }: KeyGateParts): ComposedBackend {
  const { backend, store } = opened;
  const alone = backend.capabilities;
  if (store === undefined || objectionToGate(alone) !== undefined) return opened;
  const gated = new KeyOrderBackend(backend, {
    store,
    ambient,
    host: `${hostname()}:${process.pid}`,
    report: (sentence, error) => report(`${sentence}: ${describeError(error).message}`),
  });
  return { ...opened, backend: gated, alone };
}
