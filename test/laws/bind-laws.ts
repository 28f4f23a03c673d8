import {
  ALL_LAWS,
  type BackendFixture,
  type LawReport,
  NOT_OFFERED,
  runLaw,
  unprovenClaims,
} from '@pigeonpost/queue/testing';

/**
 * Makes one Jest test of each law, prints what became of them, and fails when a claimed capability was not shown.
 * Laws that spend their time waiting for a real clock run side by side: each has a broker of its own.
 */
export function bindLaws(fixture: BackendFixture, how: 'one by one' | 'side by side'): void {
  const reports: LawReport[] = [];
  const test = how === 'one by one' ? it : it.concurrent;

  describe(`laws of ${fixture.name}`, () => {
    test.each(ALL_LAWS.map((law) => [`${law.id} ${law.title}`, law] as const))(
      '%s',
      async (_name, law) => {
        const report = await runLaw(law, fixture);
        reports.push(report);
        if (report.verdict === 'broken') throw report.error;
      },
      20_000,
    );

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
