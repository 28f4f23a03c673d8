import { isDeepStrictEqual } from 'node:util';
import type { ConsumeOptions } from '../decorators/consume.decorator.js';
import type { HandlerMetadata } from '../decorators/handler-metadata.js';
import { checkHeaders } from '../message/headers.js';
import { checkText } from '../message/names.js';
import { areApart, type MessageFilter, takesEverything } from '../policies/message-filter.js';
import type { DescribedHandler } from './handler.policies.js';
import { DuplicateSubscriptionError, InvalidHandlerError } from './nest.errors.js';
import type { FoundHandler } from './subscription.explorer.js';

/** Options that each of several handlers of one subscription has for itself. All others are the subscription's. */
const OWN = [
  'type',
  'headers',
  'payload',
  'schemaVersion',
  'interceptors',
  'enhancers',
  'accept',
] as const satisfies readonly (keyof ConsumeOptions)[];
const DECORATORS = { retry: '@Retry', idempotent: '@Idempotent', deadLetter: '@DeadLetter' } as const;

/** Throws InvalidHeaderError or InvalidNameError. */
export function filterOf({ handler, entry }: FoundHandler): MessageFilter {
  const { type, headers } = entry.options;
  const types = typeof type === 'string' ? [type] : type;
  types?.forEach((each) => checkText(`${handler.name}: type`, each));
  if (types?.length === 0) throw new InvalidHandlerError(handler.name, '`type` must name one type at least');
  if (types !== undefined && entry.options.raw === true) {
    throw new InvalidHandlerError(handler.name, 'a raw handler gets bytes, of which no type is known');
  }
  return { types, headers: headers && checkHeaders(headers) };
}

/** Whether a message needs a look before it is known who handles it. */
export function isShared(found: readonly FoundHandler[]): boolean {
  return found.length > 1 || found.some((each) => !takesEverything(filterOf(each)));
}

/** Refuses handlers of one subscription that cannot be told apart, or do not live together. */
export function checkApart(subscription: string, found: readonly FoundHandler[]): void {
  found.forEach((one, at) => {
    for (const other of found.slice(at + 1)) {
      const [first, second] = [one.handler.name, other.handler.name];
      const [a, b] = [filterOf(one), filterOf(other)];
      if (takesEverything(a) && takesEverything(b))
        throw new DuplicateSubscriptionError(subscription, first, second);
      if (!takesEverything(a) && !takesEverything(b) && !areApart(a, b)) {
        throw new InvalidHandlerError(
          second,
          `it and ${first} would both take some messages of subscription "${subscription}": give them a type, or values of one header, that differ`,
        );
      }
      if (one.place.module !== other.place.module) {
        throw new InvalidHandlerError(
          second,
          `it shares subscription "${subscription}" with ${first} of another module: provide both in one module, whose start and end are theirs`,
        );
      }
    }
  });
  checkOtherwise(found);
}

function checkOtherwise(found: readonly FoundHandler[]): void {
  const [given] = found.filter(({ entry }) => entry.options.otherwise !== undefined);
  if (given === undefined || !found.some((each) => takesEverything(filterOf(each)))) return;
  const why = '`otherwise` has nothing to decide where a handler without `type` and `headers` takes the rest';
  throw new InvalidHandlerError(given.handler.name, why);
}

/** All of them as one handler: what one says counts for the subscription, and two may not say different things. */
export function together(found: readonly [FoundHandler, ...FoundHandler[]]): FoundHandler {
  const [{ handler, place }] = found;
  const name = found.map((each) => each.handler.name).join(' and ');
  const metadata: Record<string, unknown> = {};
  for (const [key, shown] of Object.entries(DECORATORS)) {
    metadata[key] = agreed(found, shown, (each) => each.handler.metadata[key as keyof HandlerMetadata]);
  }
  const keys = new Set(found.flatMap(({ entry }) => Object.keys(entry.options) as (keyof ConsumeOptions)[]));
  const shared = [...keys].filter((key) => !OWN.includes(key as (typeof OWN)[number]));
  const options = Object.fromEntries(
    shared.map((key) => [key, agreed(found, `\`${key}\``, (each) => each.entry.options[key])]),
  );
  const topics = [...new Set(found.flatMap(({ entry }) => entry.topics))];
  const accept = [...new Set(found.flatMap(({ entry }) => entry.options.accept ?? []))];
  return {
    handler: { ...handler, name, metadata: { consume: [], ...metadata } },
    entry: { topics, options: { ...options, accept } },
    place,
  };
}

/** The one value that was given, if any. */
function agreed(
  found: readonly FoundHandler[],
  shown: string,
  read: (each: FoundHandler) => unknown,
): unknown {
  const given = found.filter((each) => read(each) !== undefined);
  const [first, ...others] = given;
  const other = others.find((each) => !isDeepStrictEqual(read(each), read(first as FoundHandler)));
  if (first === undefined || other === undefined) return first && read(first);
  throw new InvalidHandlerError(
    other.handler.name,
    `it shares a subscription with ${first.handler.name}, and they differ in ${shown}, which counts for both: say it on one of them`,
  );
}

/** The handler as it is, with what counts for the subscription. */
export function inCompany({ handler, entry, place }: FoundHandler, company: FoundHandler): FoundHandler {
  const { raw } = company.entry.options;
  const own = { ...entry.options, ...(raw === undefined ? {} : { raw }) };
  return { handler: handler satisfies DescribedHandler, entry: { ...entry, options: own }, place };
}
