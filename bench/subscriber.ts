// The other process of a latency measurement: receives, and notes how long each message was under way.
import type { Ends, SubscriberJob, SubscriberReport } from './latency.ts';

async function subscribe({ contender, load }: SubscriberJob): Promise<void> {
  const { ends } = (await import(`./contenders/${contender}.ts`)) as { ends: Ends };
  const latencies: number[] = [];
  let cpu = process.cpuUsage();
  const all = load.warmup + load.messages;
  await new Promise<void>((resolve, reject) => {
    const received = (data: string): void => {
      latencies.push(Number(process.hrtime.bigint() - BigInt(data.slice(0, data.indexOf(' ')))) / 1000);
      if (latencies.length === all) resolve();
    };
    ends.openSubscriber(load, received).then(() => {
      cpu = process.cpuUsage();
      report({ kind: 'ready' });
    }, reject);
  });
  const { user, system } = process.cpuUsage(cpu);
  const counted = latencies.slice(load.warmup).sort((a, b) => a - b);
  report({ kind: 'done', latencies: counted, cpuSeconds: (user + system) / 1e6 });
}

function report(report: SubscriberReport): void {
  process.send?.(report);
}

process.once('message', (job: SubscriberJob) => void subscribe(job));
// When its parent ends, the broker may already be gone: there is nothing left to close.
process.once('disconnect', () => process.exit());
