import type { Capabilities } from '../backend/capabilities.js';
import { ALL_LAWS } from './all-laws.js';
import { unprovenClaims } from './claims.js';
import { LawBrokenError } from './expectations.js';
import type { BackendFixture } from './fixture.js';
import { type LawReport, runLaw } from './run-laws.js';

/** One test, for whatever runs tests: rejects when it fails. */
export interface LawTest {
  readonly name: string;
  readonly run: () => Promise<void>;
}

/**
 * A test per law, and a last one that every capability which the backend claims was shown by a law: to be run in this
 * order, all of them.
 */
export function lawTests(fixture: BackendFixture): readonly LawTest[] {
  const reports: LawReport[] = [];
  const tests = ALL_LAWS.map((law): LawTest => ({
    name: `${law.id} ${law.title}`,
    run: async () => {
      const report = await runLaw(law, fixture);
      reports.push(report);
      if (report.verdict === 'failed') throw report.error;
    },
  }));
  return [
    ...tests,
    { name: 'every claimed capability is shown by a law', run: () => checkClaims(fixture, reports) },
  ];
}

async function checkClaims(fixture: BackendFixture, reports: readonly LawReport[]): Promise<void> {
  const unproven = unprovenClaims(await capabilitiesOf(fixture), reports);
  if (unproven.length === 0) return;
  throw new LawBrokenError(`no law has shown what ${fixture.name} claims: ${unproven.join(', ')}`);
}

/** What a new, empty broker says that it can do. */
export async function capabilitiesOf(fixture: BackendFixture): Promise<Capabilities> {
  const world = await fixture.create();
  const { backend, store } = await world.connect();
  await backend.close(new Date(world.ambient.clock.now()));
  await store?.close();
  await world.dispose();
  return backend.capabilities;
}
