import { Injectable } from '@nestjs/common';
import {
  Consume,
  DeadLetter,
  Event,
  exponential,
  Idempotent,
  Payload,
  Retry,
  type DomainEvent,
} from '@pigeonpost/queue';
import { ACTIVITY, GITHUB_TOPICS, GithubPayload } from '../../../demo-contract/src/index.js';
import { ActivityProjection } from './activity.projection.js';

/**
 * Keeps the projection. `@Idempotent` recognises a delivery that was handled; the projection's own transaction also
 * covers the one gap it leaves, a process that dies between the effect and the note of it.
 */
@Injectable()
export class ActivityHandlers {
  constructor(private readonly projection: ActivityProjection) {}

  @Consume(GITHUB_TOPICS, { subscription: ACTIVITY, lease: '3s' })
  @Idempotent({ ttl: '3d', busyDelay: '200ms' })
  @Retry({ attempts: 8, backoff: exponential('100ms', { cap: '1s' }) })
  @DeadLetter({ maxCrashes: 5 })
  onDelivery(@Payload() payload: GithubPayload, @Event() event: DomainEvent): void {
    const { action, sender } = payload;
    this.projection.apply(
      {
        id: event.event_id,
        event: event.event_type,
        repository: event.aggregate_id ?? 'unknown',
        action,
        sender: sender?.login,
      },
      Date.now(),
    );
  }
}
