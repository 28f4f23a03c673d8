import type { BackendFactory } from '../backend/backend.js';
import type { BackendFixture } from './fixture.js';
import { type LawTime, realTime, virtualTime } from './law-time.js';
import { testAmbient } from './test-ambient.js';
import { skewedClock } from './virtual-clock.js';

export interface FactoryFixtureOptions<Options extends object> {
  /** Options that lead to a new, empty broker, or to an empty part of one. Called once per law. */
  readonly broker: () => Options | Promise<Options>;
  /** Frees what `broker` made, after every connection to it was closed. */
  readonly dispose?: (options: Options) => void | Promise<void>;
  /** `virtual` (default) where all time comes from the ambient clock; `real` for a broker with a clock of its own. */
  readonly time?: 'virtual' | 'real';
}

/** The fixture of a backend that is opened by a factory: connections of one law share the options, and so the broker. */
export function factoryFixture<Options extends object>(
  factory: BackendFactory<Options>,
  { broker, dispose, time = 'virtual' }: FactoryFixtureOptions<Options>,
): BackendFixture {
  return {
    name: factory.kind,
    async create() {
      const options = await broker();
      const lawTime: LawTime = time === 'virtual' ? virtualTime() : realTime();
      const ambient = testAmbient(lawTime.clock);
      return {
        time: lawTime,
        ambient,
        connect: () => factory.open(factory.kind, options, ambient),
        connectSkewed: (offsetMs) =>
          factory.open(factory.kind, options, { ...ambient, clock: skewedClock(lawTime.clock, offsetMs) }),
        dispose: async () => dispose?.(options),
      };
    },
  };
}
