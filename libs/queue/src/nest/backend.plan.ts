import { type Locality, outlives, resolveDurability, resolveLocality } from '../policies/resolve-locality.js';
import type { Offer } from '../policies/resolution.js';
import type { BackendConfig } from './queue.options.js';

/** What the options of a backend say for its handlers. */
export function localityOf(backends: readonly BackendConfig[], name: string): Locality | undefined {
  return backends.find((backend) => backend.name === name)?.locality;
}

/** A sentence for each backend whose messages reach less than its own options say, handlers or not. */
export function localityRefusals(
  backends: readonly BackendConfig[],
  offers: ReadonlyMap<string, Offer>,
): readonly string[] {
  return backends.flatMap(({ name, locality }) => {
    const offer = offers.get(name);
    if (locality === undefined || offer === undefined) return [];
    const answers = [
      resolveLocality({ locality }, offer),
      ...(outlives(locality) ? [resolveDurability(offer)] : []),
    ];
    return answers.flatMap((answer) =>
      answer.answer === 'refused'
        ? [
            `the options ask for locality (${locality}), but backend "${name}" ${answer.why}: ${answer.remedy}`,
          ]
        : [],
    );
  });
}
