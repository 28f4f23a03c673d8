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
    ends.openSubscriber(load, received).then((end) => {
      cpu = process.cpuUsage();
      report({ kind: 'ready' });
      process.once('disconnect', () => void end.close());
    }, reject);
  });
  const { user, system } = process.cpuUsage(cpu);
  const counted = latencies.slice(load.warmup).sort((a, b) => a - b);
  report({ kind: 'done', latencies: counted, cpuSeconds: (user + system) / 1e6 });
  process.disconnect();
}

function report(report: SubscriberReport): void {
  process.send?.(report);
}

process.once('message', (job: SubscriberJob) => void subscribe(job));
