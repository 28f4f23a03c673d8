// A worker as an application writes it, in a process of its own. It says `loaded`, waits for a line, starts, and
// says `working`.
//   node --import ./test/run-sources.mjs worker.ts '<WorkerOptions as JSON>'
import 'reflect-metadata';
import { once } from 'node:events';
import { ConsoleLogger, Injectable, Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import {
  Consume,
  DeadLetter,
  type MessageContext,
  type MessageInterceptor,
  QueueHealth,
  QueueModule,
  systemAmbient,
} from '@pigeonpost/queue';
import { skewedClock } from '@pigeonpost/queue/testing';
import { orderOf } from '../child-process.js';
import { Notebook } from '../notes.js';
import { factoryOf } from '../scenario-backend.js';
import { Probe } from './probe.js';
import type { Fact } from './testimony.js';
import { witnessed } from './witnessed-backend.js';
import { CONCURRENCY, PREFETCH, type Work, type WorkerOptions } from './worker.options.js';

const options = orderOf<WorkerOptions>();
const { pid } = process;
const clock = skewedClock(systemAmbient.clock, options.aheadMs);
const testimony = new Notebook<Fact>(options.testimony);
const probe = new Probe(options.fate, testimony);
const driver = witnessed(await factoryOf(options.backend), { testimony, probe });

function perform({ act }: Work): void {
  if (act === 'kill') process.kill(pid, 'SIGKILL');
  else if (act !== undefined) for (const endsAt = clock.mono() + act.blockMs; clock.mono() < endsAt;);
}

/** Heeds no signal: it ends when it ends. */
@Injectable()
class Orders {
  @Consume('orders', {
    subscription: 'work',
    concurrency: CONCURRENCY,
    prefetch: PREFETCH,
    lease: options.lease,
  })
  @DeadLetter({ maxCrashes: options.maxCrashes })
  async onOrder(work: Work, { id }: MessageContext): Promise<void> {
    testimony.write({ fact: 'started', id, pid, at: Date.now() });
    perform(work);
    await new Promise<void>((resolve) => clock.timer(options.handlerMs, resolve));
    probe.pass('in handler');
    testimony.write({ fact: 'effect', id, pid, at: Date.now() });
  }
}

const probes: MessageInterceptor = {
  async intercept(_context, next) {
    probe.pass('before handler');
    const answer = await next();
    probe.pass('after handler');
    return answer;
  },
};

@Module({
  imports: [
    QueueModule.forRoot({
      source: 'urn:scenario:worker',
      backends: [{ ...options.backend.options, name: 'events', driver }],
      interceptors: [probes],
      shutdown: { drain: options.drain },
      ambient: { ...systemAmbient, clock },
    }),
  ],
  providers: [Orders],
})
class WorkerModule {}

/** What it would tell its operators is evidence too. */
class WitnessedLogger extends ConsoleLogger {
  protected override printMessages(messages: unknown[]): void {
    for (const text of messages) testimony.write({ fact: 'logged', pid, text: String(text) });
  }

  protected override printStackTrace(): void {}
}

function watch(health: QueueHealth, everyMs: number): void {
  let last = '';
  const look = async (): Promise<void> => {
    const { state } = await health.read();
    if (state !== last) testimony.write({ fact: 'health', pid, state, at: Date.now() });
    last = state;
  };
  setInterval(() => void look(), everyMs).unref();
}

process.stdout.write('loaded\n');
await once(process.stdin, 'data');
process.stdin.destroy();
// An error at the start is thrown, not logged.
const logger = new WitnessedLogger('worker', { logLevels: ['warn', 'error', 'fatal'], colors: false });
const app = await NestFactory.createApplicationContext(WorkerModule, { logger, abortOnError: false });
app.enableShutdownHooks(['SIGTERM'], { useProcessExit: true });
if (options.healthEveryMs !== undefined) watch(app.get(QueueHealth), options.healthEveryMs);
process.stdout.write('working\n');
