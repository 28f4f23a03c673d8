import { Module, type DynamicModule } from '@nestjs/common';
import { ModuleRef } from '@nestjs/core';
import { QUEUE_OPTIONS_REVISION } from '../../nest/tokens.js';
import { type Duration, parseDuration } from '../../policies/duration.js';
import { QueueHarness } from './queue.harness.js';
import { Stage } from './stage.js';

export interface QueueTestingOptions {
  /** Of ids and jitter: the same seed gives the same run. Default 1. */
  readonly seed?: number;
  /**
   * Real time, not virtual: how long `settled` and the end of the application wait for a handler that is busy
   * outside of them, as with a database, before virtual time runs on. Default 1 s.
   */
  readonly patience?: Duration;
}

/**
 * Imported beside the application's own modules, it puts memory on one virtual clock in the place of every backend
 * that QueueModule names, whatever their drivers are: no driver is loaded, no file and no socket is opened. Provides a
 * QueueHarness.
 */
@Module({})
export class QueueTestingModule {
  static forRoot({ seed = 1, patience = '1s' }: QueueTestingOptions = {}): DynamicModule {
    const patienceMs = parseDuration('patience', patience);
    return {
      module: QueueTestingModule,
      global: true,
      providers: [
        // Made with the application, so that the same module can be imported into one after the other.
        { provide: QUEUE_OPTIONS_REVISION, useFactory: () => new Stage({ seed, patienceMs }) },
        {
          provide: QueueHarness,
          useFactory: (stage: Stage, moduleRef: ModuleRef) => new QueueHarness(stage, moduleRef),
          inject: [QUEUE_OPTIONS_REVISION, ModuleRef],
        },
      ],
      exports: [QUEUE_OPTIONS_REVISION, QueueHarness],
    };
  }
}
