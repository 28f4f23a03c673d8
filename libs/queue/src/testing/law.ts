import type { Capabilities, CapabilityName } from '../backend/capabilities.js';
import type { LawBench } from './law-bench.js';

/** One promise, as data: a sentence, and the code that holds a backend to it. Laws throw when they are broken. */
export interface Law {
  /** Letter and number in the contract, such as `B6`. */
  readonly id: string;
  /** What holds, as a sentence. */
  readonly title: string;
  /** Capabilities that this law proves. */
  readonly proves?: readonly CapabilityName[];
  /** What a backend needs for this law to apply to it. */
  readonly gate?: Gate;
  /** It stops the whole process for a while: on a real clock no other law may run meanwhile. */
  readonly alone?: true;
  readonly does: (bench: LawBench) => Promise<void>;
  /** What a backend that lacks it does instead: refuses. */
  readonly refuses?: (bench: LawBench) => Promise<void>;
}

export interface Gate {
  /** The missing thing, as in `not applicable: needs named fan-out`. */
  readonly needs: string;
  readonly met: (capabilities: Capabilities, beside: Beside) => boolean;
}

/** What stands beside a backend. */
export interface Beside {
  /** Whether a store comes with it. */
  readonly remembers: boolean;
}

/** A promise of the contract that this library does not make yet, said aloud. */
export interface NotOffered {
  readonly id: string;
  readonly title: string;
  readonly why: string;
}
