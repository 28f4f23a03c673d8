import { Inject, Module, type DynamicModule, type OnApplicationShutdown } from '@nestjs/common';
import { QueueModule } from '@pigeonpost/queue';
import { backendsOf, TOPOLOGY } from '../../demo-contract/src/index.js';
import { ActivityHandlers } from './activity/activity.handlers.js';
import { ActivityProjection } from './activity/activity.projection.js';
import { DownstreamClient } from './notifier/downstream.client.js';
import { NotifierHandlers } from './notifier/notifier.handlers.js';
import type { WorkerEnvironment } from './worker.environment.js';

@Module({})
export class WorkerModule implements OnApplicationShutdown {
  constructor(@Inject(ActivityProjection) private readonly projection: ActivityProjection) {}

  static with(environment: WorkerEnvironment): DynamicModule {
    return {
      module: WorkerModule,
      imports: [
        QueueModule.forRoot({
          source: 'urn:pigeonpost:demo-worker',
          backends: backendsOf(environment),
          consume: true,
          topology: TOPOLOGY,
          // Ctrl-C twice: somebody does not want to wait.
          shutdown: { secondSignal: 'exit' },
        }),
      ],
      providers: [
        {
          provide: ActivityProjection,
          useFactory: () => new ActivityProjection(environment.DEMO_ACTIVITY_FILE),
        },
        {
          provide: DownstreamClient,
          useFactory: () => new DownstreamClient(environment.DEMO_DOWNSTREAM_URL),
        },
        ActivityHandlers,
        NotifierHandlers,
      ],
    };
  }

  /** After the consumers have drained, so that no handler meets a closed database. */
  onApplicationShutdown(): void {
    this.projection.close();
  }
}
