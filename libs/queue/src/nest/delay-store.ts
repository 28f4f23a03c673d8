import { hostname } from 'node:os';
import type { Ambient } from '../ambient/ambient.js';
import type { Backend } from '../backend/backend.js';
import type { Capabilities } from '../backend/capabilities.js';
import { DelayStoreBackend } from '../composed/delay-store/delay-store.backend.js';
import { delayingCapabilities, retriesLeaving } from '../composed/delay-store/leaving-retries.js';
import type { Offer } from '../policies/resolution.js';
import type { ComposedBackend } from './lazy.backend.js';
import type { BackendConfig } from './queue.options.js';

export interface DelayStoreParts {
  readonly ambient: Ambient;
  /** A backend of the application by its name. */
  readonly find: (name: string) => Backend;
}

/** The backend as it is, or with another one that keeps what it cannot delay, as its configuration says. */
export function withDelays(
  { delays }: BackendConfig,
  opened: ComposedBackend,
  { ambient, find }: DelayStoreParts,
): ComposedBackend {
  if (delays === undefined) return opened;
  const options = { later: find(delays), ambient, host: `${hostname()}:${process.pid}` };
  const backend = new DelayStoreBackend(opened.backend, options);
  return { ...opened, backend, leaving: () => backend.leaving };
}

/** What those backends can do together that are not open, by name: `alone` is what each can do by itself. */
export function withForeseenDelays(
  backends: readonly BackendConfig[],
  alone: ReadonlyMap<string, Offer>,
): ReadonlyMap<string, Offer> {
  return new Map(
    backends.map(({ name, delays = '' }) => {
      const [offer, later] = [alone.get(name) as Offer, alone.get(delays)];
      return [name, later === undefined ? offer : delayedOffer(offer, later)];
    }),
  );
}

function delayedOffer(inner: Offer, later: Offer): Offer {
  const leaving = retriesLeaving(inner.capabilities, later.capabilities);
  return { ...inner, capabilities: delayingCapabilities(inner.capabilities, later.capabilities), leaving };
}

/** What is wrong with the names under `delays`, by their paths. */
export function delayProblems(backends: readonly BackendConfig[]): readonly string[] {
  return backends.flatMap(({ name, delays }, at) => {
    if (delays === undefined) return [];
    const path = `backends[${at}].delays`;
    const later = backends.find((other) => other.name === delays);
    if (later === undefined) return [`${path}: there is no backend "${delays}"`];
    if (later.name === name) return [`${path}: a backend cannot make up for itself`];
    return later.delays === undefined ? [] : [`${path}: backend "${delays}" has \`delays\` of its own`];
  });
}

/** A sentence for each backend that is to keep delayed messages and could lose them, or not keep the time. */
export function delayRefusals(
  backends: readonly BackendConfig[],
  offers: ReadonlyMap<string, Offer>,
): readonly string[] {
  return backends.flatMap(({ name, delays }) => {
    const [own, offer] = [offers.get(name), offers.get(delays ?? '')];
    const why = offer && own && objectionTo(offer.capabilities, own.capabilities);
    if (why === undefined) return [];
    return [
      `backend "${name}" is to delay on backend "${delays}", which ${why}: name another backend in \`delays\``,
    ];
  });
}

function objectionTo(
  { delay, lane, ack, confirm, fanout, durable }: Capabilities,
  own: Capabilities,
): string | undefined {
  if (delay.publish === false || delay.publish.kind !== 'exact') return 'has no exact delays';
  if (!lane || fanout !== 'named') return 'cannot keep them apart from its other messages';
  if (ack === 'none' || confirm === 'none') return 'could lose them';
  if (durable === 'process' && own.durable !== 'process')
    return 'forgets with its process what the other one would keep';
  return undefined;
}
