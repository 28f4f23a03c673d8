import type { BackendFixture } from '@pigeonpost/queue/testing';
import { memory } from './memory.fixture.js';
import { sqlite } from './sqlite.fixture.js';

/** A backend as the laws see it. */
export interface BackendUnderLaws {
  readonly fixture: BackendFixture;
  /** How many laws may run together. */
  readonly atOnce: number;
  /** The backend as somebody gets it who sets no option: what the docs speak of. */
  readonly unconfigured: BackendFixture;
}

/** Every backend of the library. */
export const BACKENDS: readonly BackendUnderLaws[] = [memory, sqlite];
