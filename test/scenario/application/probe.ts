import type { Testimony } from './testimony.js';

/** The moments of a message's life at which a worker can be made to die. */
export const PROBES = [
  'received',
  'before handler',
  'in handler',
  'after handler',
  'settle sent',
  'settle stored',
] as const;
export type ProbeName = (typeof PROBES)[number];

export interface Fate {
  readonly probe: ProbeName;
  /** The worker dies when this many messages have come by the probe. */
  readonly message: number;
}

/** Kills its own process, with SIGKILL: no handler, no flush, no last word. */
export class Probe {
  #passed = 0;

  constructor(
    private readonly fate: Fate | undefined,
    private readonly testimony: Testimony,
  ) {}

  pass(probe: ProbeName, messages = 1): void {
    if (this.fate?.probe !== probe) return;
    this.#passed += messages;
    if (this.#passed < this.fate.message) return;
    this.testimony.write({ fact: 'killed', probe });
    process.kill(process.pid, 'SIGKILL');
    for (;;); // nothing more happens, whatever the kernel is doing
  }
}
