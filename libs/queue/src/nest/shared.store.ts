import type { OpenedBackend } from '../backend/backend.js';
import type { Capabilities } from '../backend/capabilities.js';
import type { Offer } from '../policies/resolution.js';
import { LOCALITIES, type Locality } from '../policies/resolve-locality.js';
import { ScopedStore } from '../store/scoped-store.js';
import type { Store } from '../store/store.js';
import type { BackendConfig } from './queue.options.js';

/** The backend with its own store, or with a part of another one's, as its configuration says. */
export async function withStore(
  { name, store }: BackendConfig,
  opened: OpenedBackend,
  find: (name: string) => Store,
): Promise<OpenedBackend> {
  if (store === undefined) return opened;
  await opened.store?.close();
  return { ...opened, store: new ScopedStore(find(store), name) };
}

/** What is wrong with the names under `store`, by their paths. */
export function storeProblems(backends: readonly BackendConfig[]): readonly string[] {
  return backends.flatMap(({ name, store }, at) => {
    if (store === undefined) return [];
    const path = `backends[${at}].store`;
    const owner = backends.find((other) => other.name === store);
    if (owner === undefined) return [`${path}: there is no backend "${store}"`];
    if (owner.name === name) return [`${path}: a backend has its own store without being told`];
    return owner.store === undefined ? [] : [`${path}: backend "${store}" uses that of "${owner.store}"`];
  });
}

/** How far a store reaches, from least to most. */
const REACHES: readonly Capabilities['hosts'][] = ['process', 'host', 'many'];
const WORDS = { process: 'one process', host: 'the processes of one host', many: 'many hosts' } as const;

/** A sentence for each backend whose store cannot remember, or is not known to everybody who shares the backend. */
export function storeRefusals(
  backends: readonly BackendConfig[],
  offers: ReadonlyMap<string, Offer>,
): readonly string[] {
  return backends.flatMap((config) => {
    const [own, other] = [offers.get(config.name), offers.get(config.store ?? '')];
    if (own === undefined || other === undefined) return [];
    const { name, store } = config;
    if (!other.remembers)
      return [`backend "${name}" is to remember on backend "${store}", which has no store: name another one`];
    const wanted = reachOf(own.capabilities.hosts, config.locality);
    const given = REACHES.indexOf(other.capabilities.hosts);
    if (given >= wanted) return [];
    return [
      `backend "${name}" is shared by ${WORDS[REACHES[wanted] as Capabilities['hosts']]}, but its store on "${store}" by ${WORDS[other.capabilities.hosts]} only, so that what one has handled another would not know: name a store that reaches as far, or set locality: '${LOCALITIES[given]}' on "${name}" if no more is needed`,
    ];
  });
}

/** What is needed of the store: as far as the backend reaches, or as the application says that it is used. */
function reachOf(hosts: Capabilities['hosts'], locality: Locality | undefined): number {
  const own = REACHES.indexOf(hosts);
  return locality === undefined ? own : Math.min(own, LOCALITIES.indexOf(locality));
}
