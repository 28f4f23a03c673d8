import type { Type } from '@nestjs/common';
import { Connections } from '../nest/connections.js';
import { InvalidOptionsError } from '../nest/nest.errors.js';
import { checkModuleOptions } from '../nest/options.check.js';
import type { BackendConfig } from '../nest/queue.options.js';

/** An application of Nest, or any ModuleRef in it. */
export interface ProviderSource {
  get<T>(type: Type<T>, options: { strict: false }): T;
}

/** Which backend messages go over. */
export interface LinkOptions {
  /** The application whose QueueModule has the backend. */
  readonly app?: ProviderSource;
  /** Name of a backend of that QueueModule, by default its primary one; without `app` the options of an own one. */
  readonly backend?: string | BackendConfig;
  /** Who publishes, a URI reference such as `urn:service:shop`. Needed with an own backend, and only there. */
  readonly source?: string;
}

/** One backend with everything that stands on it, shared with the QueueModule or owned. */
export interface Link {
  readonly connections: Connections;
  readonly backend: string;
  readonly isOwned: boolean;
}

/** Opens nothing yet. Throws InvalidOptionsError. */
export function linkOf(who: string, { app, backend, source }: LinkOptions): Link {
  if (app === undefined) return ownLink(who, backend, source);
  if (typeof backend === 'object' || source !== undefined) {
    throw new InvalidOptionsError(
      `${who}: with \`app\`, \`backend\` is a name and \`source\` comes from the QueueModule`,
    );
  }
  const connections = connectionsOf(who, app);
  const name = backend ?? connections.primary;
  connections.get(name);
  return { connections, backend: name, isOwned: false };
}

function connectionsOf(who: string, app: ProviderSource): Connections {
  try {
    return app.get(Connections, { strict: false });
  } catch (cause) {
    throw new InvalidOptionsError(`${who}: the application has no QueueModule: import QueueModule.forRoot`, {
      cause,
    });
  }
}

function ownLink(who: string, config: LinkOptions['backend'], source: string | undefined): Link {
  if (typeof config !== 'object' || source === undefined) {
    throw new InvalidOptionsError(
      `${who}: give \`app\` for a backend of its QueueModule, or \`backend\` with its options and \`source\` for an own one`,
    );
  }
  const connections = new Connections(checkModuleOptions({ source, backends: [config] }));
  return { connections, backend: config.name, isOwned: true };
}
