import '../run-sources.mjs';

/** Of the test projects that need brokers: once per run, however many of them are in it. */
export default async function startForThisRun(): Promise<void> {
  const { startBrokers } = await import('./run-brokers.js');
  await startBrokers();
}
