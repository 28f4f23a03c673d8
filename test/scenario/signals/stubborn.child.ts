// An application with a handler that never ends, and says `working` when that has begun.
//   node --import ./test/run-sources.mjs stubborn.child.ts '<StubbornOrder as JSON>'
import 'reflect-metadata';
import { Injectable, Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { Bus, Consume, QueueModule, type ShutdownOptions } from '@pigeonpost/queue';
import { orderOf } from '../child-process.js';

export interface StubbornOrder {
  readonly secondSignal?: ShutdownOptions['secondSignal'];
  /** Whether the application listens to signals. */
  readonly hooks: boolean;
}

const { secondSignal, hooks } = orderOf<StubbornOrder>();

@Injectable()
class Stubborn {
  @Consume('work', { subscription: 'work' })
  async work(): Promise<void> {
    process.stdout.write('working\n');
    await new Promise(() => undefined);
  }
}

const shutdown: ShutdownOptions = { drain: '10m', ...(secondSignal !== undefined && { secondSignal }) };
const backends = [{ name: 'main', driver: 'memory' }] as const;

@Module({
  imports: [QueueModule.forRoot({ source: 'urn:test', backends, shutdown })],
  providers: [Stubborn],
})
class StubbornModule {}

const app = await NestFactory.createApplicationContext(StubbornModule, { logger: false });
if (hooks) {
  process.on('SIGTERM', () => process.stdout.write('heard\n'));
  app.enableShutdownHooks(['SIGTERM', 'SIGINT'], { useProcessExit: true });
}
await app.get(Bus).publish('work', 1);
