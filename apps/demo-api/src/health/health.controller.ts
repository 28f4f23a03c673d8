import { Controller, Get, ServiceUnavailableException } from '@nestjs/common';
import { Bus, type Depth } from '@pigeonpost/queue';

export interface Health {
  readonly status: 'up' | 'degraded';
  /** Since when, ISO 8601. */
  readonly since: string;
  readonly subscriptions: readonly Depth[];
}

/** For a load balancer: 503 when messages cannot be taken. */
@Controller('health')
export class HealthController {
  constructor(private readonly bus: Bus) {}

  @Get()
  async read(): Promise<Health> {
    const { state, since } = this.bus.status();
    if (state === 'down') throw new ServiceUnavailableException('the queue is down');
    return { status: state, since: new Date(since).toISOString(), subscriptions: await this.bus.depth() };
  }
}
