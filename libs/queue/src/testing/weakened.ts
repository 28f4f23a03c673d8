import type { Backend, BackendFactory } from '../backend/backend.js';
import type { Capabilities } from '../backend/capabilities.js';
import { AlteredBackend } from './altered-backend.js';

/**
 * The same backend admitting to less than it can: shows what the plan of an application becomes on a weaker broker.
 * Messages move as before.
 */
export function weakened<Options extends object>(
  factory: BackendFactory<Options>,
  less: Partial<Capabilities>,
): BackendFactory<Options> {
  return {
    kind: factory.kind,
    optionsClass: factory.optionsClass,
    async open(name, options, ambient) {
      const opened = await factory.open(name, options, ambient);
      return { ...opened, backend: new WeakenedBackend(opened.backend, less) };
    },
  };
}

class WeakenedBackend extends AlteredBackend {
  readonly #less: Partial<Capabilities>;

  constructor(inner: Backend, less: Partial<Capabilities>) {
    super(inner, {});
    this.#less = less;
  }

  override get capabilities(): Capabilities {
    return { ...super.capabilities, ...this.#less };
  }
}
