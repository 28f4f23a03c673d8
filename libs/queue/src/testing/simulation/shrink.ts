import type { SimulationCommand } from './commands.js';
import type { SimulationReport } from './simulate.js';

/** Fewest simulations that are worth the wait; a shrunk run need not be the smallest one. */
const MOST_TRIES = 400;

/**
 * Leaves out commands of a simulation that went wrong as long as something still goes wrong without them: halves first,
 * then ever smaller parts. Answers the shortest one found. `again` runs
 * other commands with the same seed.
 */
export async function shrink(
  found: SimulationReport,
  again: (commands: readonly SimulationCommand[]) => Promise<SimulationReport>,
): Promise<SimulationReport> {
  let best = found;
  let size = Math.ceil(best.commands.length / 2);
  for (let tries = 0; size >= 1 && tries < MOST_TRIES;) {
    let from = 0;
    while (from < best.commands.length && tries++ < MOST_TRIES) {
      const shorter = await again(without(best.commands, from, size));
      if (shorter.wrong.length > 0) best = shorter;
      else from += size;
    }
    if (size === 1) break;
    size = Math.ceil(size / 2);
  }
  return best;
}

function without(
  commands: readonly SimulationCommand[],
  from: number,
  count: number,
): readonly SimulationCommand[] {
  return [...commands.slice(0, from), ...commands.slice(from + count)];
}
