// A worker as an application writes it, in a process of its own. It says `loaded`, waits for a line, starts, and
// says `working`.
//   node --import ./test/run-sources.mjs worker.ts '<WorkerOptions as JSON>'
import 'reflect-metadata';
import { once } from 'node:events';
import { Injectable, Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import {
  Consume,
  type MessageContext,
  type MessageInterceptor,
  QueueModule,
  systemAmbient,
} from '@pigeonpost/queue';
import { skewedClock } from '@pigeonpost/queue/testing';
import { Probe } from './probe.js';
import { Testimony } from './testimony.js';
import { witnessedSqlite } from './witnessed-backend.js';
import { CONCURRENCY, PREFETCH, type WorkerOptions } from './worker.options.js';

const options = JSON.parse(process.argv[2] as string) as WorkerOptions;
const clock = skewedClock(systemAmbient.clock, options.aheadMs);
const testimony = new Testimony(options.testimony);
const probe = new Probe(options.fate, testimony);

/** Heeds no signal: it ends when it ends. */
@Injectable()
class Orders {
  @Consume('orders', { subscription: 'work', concurrency: CONCURRENCY, prefetch: PREFETCH })
  async onOrder(_data: unknown, { id }: MessageContext): Promise<void> {
    testimony.note({ fact: 'started', id });
    await new Promise<void>((resolve) => clock.timer(options.handlerMs, resolve));
    probe.pass('in handler');
    testimony.note({ fact: 'effect', id });
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
      backends: [{ name: 'events', driver: witnessedSqlite(testimony, probe), file: options.file }],
      interceptors: [probes],
      shutdown: { drain: options.drain },
      ambient: { ...systemAmbient, clock },
    }),
  ],
  providers: [Orders],
})
class WorkerModule {}

process.stdout.write('loaded\n');
await once(process.stdin, 'data');
process.stdin.destroy();
// An error at the start is thrown, not logged; a handler that is given up at the end is what the test wants to see.
const app = await NestFactory.createApplicationContext(WorkerModule, { logger: false, abortOnError: false });
app.enableShutdownHooks(['SIGTERM'], { useProcessExit: true });
process.stdout.write('working\n');
