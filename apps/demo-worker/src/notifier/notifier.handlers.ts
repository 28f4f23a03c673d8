import { Injectable } from '@nestjs/common';
import {
  Consume,
  Ctx,
  DeadLetter,
  Event,
  exponential,
  Idempotent,
  Payload,
  Retry,
  type DomainEvent,
  type MessageContext,
} from '@pigeonpost/queue';
import { GITHUB_TOPICS, GithubPayload, NOTIFIER } from '../../../demo-contract/src/index.js';
import { DownstreamClient } from './downstream.client.js';

/** Tells the downstream. The waits are short, because the demo ends within a minute; a service would write '1s' and '5m'. */
@Injectable()
export class NotifierHandlers {
  constructor(private readonly downstream: DownstreamClient) {}

  @Consume(GITHUB_TOPICS, { subscription: NOTIFIER, lease: '3s', timeout: '1s' })
  @Idempotent({ ttl: '3d', busyDelay: '200ms' })
  @Retry({ attempts: 8, backoff: exponential('100ms', { cap: '1s' }) })
  @DeadLetter({ maxCrashes: 5 })
  async onDelivery(
    @Payload() payload: GithubPayload,
    @Event() event: DomainEvent,
    @Ctx() { signal }: MessageContext,
  ): Promise<void> {
    await this.downstream.notify({ id: event.event_id, text: sentenceOn(payload, event) }, signal);
  }
}

/** Such as `octocat/hello-world: github.issues opened by octocat`. */
function sentenceOn({ action, sender }: GithubPayload, event: DomainEvent): string {
  const what = [event.event_type, action].filter((word) => word !== undefined).join(' ');
  return `${event.aggregate_id}: ${what} by ${sender?.login ?? 'GitHub'}`;
}
