import type { IncomingHttpHeaders } from 'node:http';
import { Body, Controller, Headers, HttpCode, Post, UseGuards } from '@nestjs/common';
import { Bus } from '@pigeonpost/queue';
import { topicOf } from '../../../demo-contract/src/index.js';
import { readDelivery } from './github-delivery.js';
import { GithubSignatureGuard } from './github-signature.guard.js';

/** Takes webhooks in: 202 means stored for every subscription. GitHub waits ten seconds, so nothing is handled here. */
@Controller('webhooks/github')
export class GithubController {
  constructor(private readonly bus: Bus) {}

  @Post()
  @HttpCode(202)
  @UseGuards(GithubSignatureGuard)
  async receive(@Headers() headers: IncomingHttpHeaders, @Body() body: Buffer): Promise<{ id: string }> {
    const { id, event, key, payload } = readDelivery(headers, body);
    await this.bus.publish(topicOf(event), payload, { id, key });
    return { id };
  }
}
