import '../run-sources.mjs';

export default async function stopAfterThisRun(): Promise<void> {
  const { stopBrokers } = await import('./run-brokers.js');
  await stopBrokers();
}
