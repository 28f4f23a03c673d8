import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

const LOOK_EVERY_MS = 5;
const PATIENCE_MS = 20_000;

/** Waits in real time until `condition` holds. */
export async function until(condition: () => boolean): Promise<void> {
  const endsAt = performance.now() + PATIENCE_MS;
  while (!condition()) {
    if (performance.now() > endsAt) throw new RangeError(`${condition.toString()} did not become true`);
    await sleep(LOOK_EVERY_MS);
  }
}

/** A folder for one test, gone with it. */
export function temporaryFolder(): { readonly file: (name: string) => string; readonly remove: () => void } {
  const folder = mkdtempSync(join(tmpdir(), 'recipe-'));
  return {
    file: (name) => join(folder, name),
    remove: () => rmSync(folder, { recursive: true, force: true }),
  };
}
