import {
  ALL_LAWS,
  type BackendFixture,
  type LawReport,
  NOT_OFFERED,
  runLaws,
  unprovenClaims,
} from '@pigeonpost/queue/testing';

const LONGEST_RUN_MS = 90_000;

/**
 * Runs the laws, `atOnce` at a time, makes one Jest test of each, prints what became of them, and fails when a claimed
 * capability was not shown.
 */
export function bindLaws(fixture: BackendFixture, atOnce = 1): void {
  let reports: readonly LawReport[] = [];

  describe(`laws of ${fixture.name}`, () => {
    beforeAll(async () => {
      reports = await runLaws(ALL_LAWS, fixture, atOnce);
    }, LONGEST_RUN_MS);

    it.each(ALL_LAWS.map(({ id, title }, at) => [`${id} ${title}`, at] as const))('%s', (_name, at) => {
      const report = reports[at];
      expect(report?.verdict).toBeDefined();
      if (report?.verdict === 'broken') throw report.error;
    });

    it('prove every capability that is claimed', async () => {
      const world = await fixture.create();
      const { backend, store } = await world.connect();
      const unproven = unprovenClaims(backend.capabilities, reports);
      await backend.close(new Date());
      await store?.close();
      await world.dispose();
      expect(unproven).toEqual([]);
    });

    afterAll(() => process.stdout.write(table(fixture.name, reports)));
  });
}

function table(name: string, reports: readonly LawReport[]): string {
  const notable = reports.filter(({ verdict }) => verdict !== 'kept');
  const kept = reports.length - notable.length;
  const lines = [
    `laws of ${name}: ${kept} kept, ${notable.length} otherwise, ${NOT_OFFERED.length} not offered`,
    ...notable.map(({ id, verdict, why, title }) => `  ${id.padEnd(5)} ${verdict}: ${why ?? ''} (${title})`),
    ...NOT_OFFERED.map(({ id, why, title }) => `  ${id.padEnd(5)} not offered: ${why} (${title})`),
  ];
  return `${lines.join('\n')}\n`;
}
