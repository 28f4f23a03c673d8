// An application that is nothing but a bridge, in a process of its own. It says `working` when it works.
//   node --import ./test/run-sources.mjs bridge.child.ts '<BridgeChildOptions as JSON>'
import 'reflect-metadata';
import { Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { QueueModule, systemAmbient } from '@pigeonpost/queue';
import { skewedClock } from '@pigeonpost/queue/testing';
import { orderOf } from '../child-process.js';

export interface BridgeChildOptions {
  readonly folder: string;
  readonly rate: number;
  /** How far its wall clock is ahead: leases of a killed one are over by then. */
  readonly aheadMs: number;
}

const { folder, rate, aheadMs } = orderOf<BridgeChildOptions>();

@Module({
  imports: [
    QueueModule.forRoot({
      source: 'urn:scenario:bridge',
      backends: [
        { name: 'here', driver: 'sqlite', file: `${folder}/here.db`, primary: true },
        { name: 'there', driver: 'sqlite', file: `${folder}/there.db` },
      ],
      bridges: [
        { name: 'orders', from: { backend: 'here', topics: ['orders'] }, to: { backend: 'there' }, rate },
      ],
      ambient: { ...systemAmbient, clock: skewedClock(systemAmbient.clock, aheadMs) },
    }),
  ],
})
class BridgeModule {}

const app = await NestFactory.createApplicationContext(BridgeModule, { logger: false, abortOnError: false });
app.enableShutdownHooks(['SIGTERM'], { useProcessExit: true });
process.stdout.write('working\n');
