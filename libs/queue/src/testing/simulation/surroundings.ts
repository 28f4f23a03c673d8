import type { Random } from '../../ambient/random.js';
import type { OpenedBackend } from '../../backend/backend.js';
import type { ConsumerOptions } from '../../consume/consumer-options.js';
import type { Behaviour } from './commands.js';
import type { SimulationScheduler } from './scheduler.js';
import type { WireFaults } from './wire.js';
import type { Witness } from './witness.js';

/** What the processes of one simulation share. */
export interface Surroundings {
  readonly scheduler: SimulationScheduler;
  readonly random: Random;
  readonly witness: Witness;
  readonly broker: Required<OpenedBackend>;
  /** Those of the moment. */
  readonly faults: () => WireFaults;
  /** What the handler that starts now does. */
  readonly nextBehaviour: () => Behaviour;
  readonly nextId: () => string;
  /** Puts a known mistake into every consumer. */
  readonly alter: (options: ConsumerOptions) => ConsumerOptions;
}
