import { Module, ValidationPipe, type DynamicModule } from '@nestjs/common';
import { APP_FILTER, APP_PIPE } from '@nestjs/core';
import { QueueModule, type BackendConfig } from '@pigeonpost/queue';
import { backendsOf, TOPOLOGY } from '../../demo-contract/src/index.js';
import { ActivityController } from './activity/activity.controller.js';
import { ActivityReader } from './activity/activity.reader.js';
import { ApiEnvironment } from './api.environment.js';
import { DeadLettersController } from './dead-letters/dead-letters.controller.js';
import { HealthController } from './health/health.controller.js';
import { QueueErrorFilter } from './queue-error.filter.js';
import { GithubController } from './webhooks/github.controller.js';
import { GithubSignatureGuard } from './webhooks/github-signature.guard.js';

@Module({})
export class ApiModule {
  /** `backends`: where the messages go; a test gives others. */
  static with(
    environment: ApiEnvironment,
    backends: readonly BackendConfig[] = backendsOf(environment),
  ): DynamicModule {
    return {
      module: ApiModule,
      imports: [
        QueueModule.forRoot({
          source: 'urn:pigeonpost:demo-api',
          backends,
          consume: false,
          topology: TOPOLOGY,
        }),
      ],
      controllers: [GithubController, ActivityController, DeadLettersController, HealthController],
      providers: [
        { provide: ApiEnvironment, useValue: environment },
        { provide: APP_FILTER, useClass: QueueErrorFilter },
        {
          provide: APP_PIPE,
          useFactory: () =>
            new ValidationPipe({ transform: true, whitelist: true, forbidNonWhitelisted: true }),
        },
        ActivityReader,
        GithubSignatureGuard,
      ],
    };
  }
}
