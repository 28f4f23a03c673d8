import { BadRequestException, Controller, Get, HttpCode, Param, Post, Query } from '@nestjs/common';
import { Bus } from '@pigeonpost/queue';
import { SUBSCRIPTIONS, type Subscription } from '../../../demo-contract/src/index.js';
import { bodyView, viewOf, type DeadLetterView } from './dead-letter.view.js';
import { BrowseQuery, SubscriptionQuery } from './dead-letters.queries.js';

export interface DeadLetterPage {
  readonly subscription: Subscription;
  /** Oldest first. */
  readonly letters: readonly DeadLetterView[];
  /** `after` of the next page; undefined: this was the last one. */
  readonly next: string | undefined;
}

/** What the handlers gave up on, and the way back. For operators: without the demo's 127.0.0.1 it needs a guard. */
@Controller('dead-letters')
export class DeadLettersController {
  constructor(private readonly bus: Bus) {}

  @Get()
  browse(@Query() query: BrowseQuery): Promise<DeadLetterPage[]> {
    if (query.after !== undefined && query.subscription === undefined) {
      throw new BadRequestException('after needs the subscription that it came from');
    }
    const subscriptions = query.subscription === undefined ? SUBSCRIPTIONS : [query.subscription];
    return Promise.all(subscriptions.map((subscription) => this.#page(subscription, query)));
  }

  /** Back to this one subscription, with a new count of attempts. */
  @Post(':id/replay')
  @HttpCode(202)
  async replay(
    @Param('id') id: string,
    @Query() { subscription }: SubscriptionQuery,
  ): Promise<{ replayed: number }> {
    return { replayed: await this.bus.deadLetters(subscription).replay(id) };
  }

  async #page(subscription: Subscription, { limit, after, include }: BrowseQuery): Promise<DeadLetterPage> {
    const from = after === undefined ? {} : { after };
    const letters = await this.bus.deadLetters(subscription).browse({ limit, ...from });
    return {
      subscription,
      letters: letters.map((letter) =>
        include === 'body' ? { ...viewOf(letter), body: bodyView(letter.body) } : viewOf(letter),
      ),
      next: letters.length < limit ? undefined : letters.at(-1)?.ref,
    };
  }
}
