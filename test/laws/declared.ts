import type { BackendFactory, ForeseenBackend } from '@pigeonpost/queue';

/** What a backend with these options declares without touching anything. */
export function declaredBy<Options extends object>(
  factory: BackendFactory<Options>,
  options: Options,
): ForeseenBackend {
  const foreseen = factory.foresee?.(options);
  if (foreseen === undefined)
    throw new Error(`${factory.kind} cannot tell its capabilities without a broker`);
  return foreseen;
}
