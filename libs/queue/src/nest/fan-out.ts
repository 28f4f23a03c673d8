import { hostname } from 'node:os';
import type { Ambient } from '../ambient/ambient.js';
import type { OpenedBackend } from '../backend/backend.js';
import { copyingCapabilities, isCopyable } from '../composed/fan-out/copying-capabilities.js';
import { FanOutBackend } from '../composed/fan-out/fan-out.backend.js';
import type { Offer } from '../policies/resolution.js';
import type { ComposedBackend } from './lazy.backend.js';

/** The backend as it is, or with copies for every subscription where its topics have one queue and it can remember. */
export function withFanOut(opened: OpenedBackend, ambient: Ambient): ComposedBackend {
  const { backend, store } = opened;
  if (store === undefined || !isCopyable(backend.capabilities)) return opened;
  const options = { store, ambient, host: `${hostname()}:${process.pid}` };
  return { ...opened, backend: new FanOutBackend(backend, options), copying: true };
}

/** What such a backend will offer that is not open. */
export function withForeseenFanOut(alone: Offer): Offer {
  const { capabilities, remembers } = alone;
  if (!remembers || !isCopyable(capabilities)) return alone;
  return { ...alone, capabilities: copyingCapabilities(capabilities), copying: true };
}
