import { quote } from '../message/names.js';
import { chainUpcasters, stepsBetween, type Upcaster, type UpcastChains } from '../policies/upcasters.js';
import { Upcasting } from '../policies/upcasting.js';
import { InvalidHandlerError } from './nest.errors.js';

export interface VersionedHandler {
  /** `Class.method`. */
  readonly name: string;
  readonly topics: readonly string[];
  readonly raw: boolean | undefined;
  /** What `@Consume` declares. */
  readonly version: string | undefined;
}

/** undefined: the handler needs none. Throws InvalidUpcasterError, or InvalidHandlerError where no chain leads to it. */
export function upcastingOf(
  handler: VersionedHandler,
  upcasters: readonly Upcaster[],
): Upcasting | undefined {
  const { name, raw, version } = handler;
  if (version !== undefined) checkVersion(name, version);
  if (raw === true && version !== undefined) {
    throw new InvalidHandlerError(name, 'a raw handler gets bytes, which have no `schemaVersion`');
  }
  const chains = chainUpcasters(upcasters);
  if (raw === true || (version === undefined && chains.size === 0)) return undefined;
  if (version !== undefined) checkWays(handler, version, chains);
  return new Upcasting(chains, version);
}

function checkVersion(name: string, version: unknown): void {
  if (typeof version === 'string' && version !== '' && version.length <= 256) return;
  throw new InvalidHandlerError(name, `schemaVersion is ${quote(version)}, it must be a text such as '3'`);
}

/** The topic is the type of what is published to it, unless a publisher says otherwise. */
function checkWays({ name, topics }: VersionedHandler, version: string, chains: UpcastChains): void {
  for (const topic of topics) {
    const chain = chains.get(topic);
    if (chain === undefined) continue;
    const from = [...chain.steps.keys()].find((each) => each !== version && reachesNot(chain, each, version));
    if (from === undefined) continue;
    throw new InvalidHandlerError(
      name,
      `takes version "${version}" of "${topic}", but its upcasters lead from "${from}" to "${chain.newest}" past it`,
    );
  }
}

/** A version beyond the handler's own is not one of its past. */
function reachesNot(chain: Parameters<typeof stepsBetween>[0], from: string, version: string): boolean {
  const isLater = chain.steps.has(version) && stepsBetween(chain, version, from) !== undefined;
  return !isLater && stepsBetween(chain, from, version) === undefined;
}
