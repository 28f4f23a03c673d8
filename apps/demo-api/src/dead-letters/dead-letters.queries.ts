import { Type } from 'class-transformer';
import { IsIn, IsInt, IsOptional, IsString, Max, Min } from 'class-validator';
import { SUBSCRIPTIONS, type Subscription } from '../../../demo-contract/src/index.js';

export class SubscriptionQuery {
  @IsIn(SUBSCRIPTIONS)
  subscription!: Subscription;
}

export class BrowseQuery {
  /** Default: the first page of each. */
  @IsOptional()
  @IsIn(SUBSCRIPTIONS)
  subscription?: Subscription;

  /** `next` of the page before, of the same subscription. */
  @IsOptional()
  @IsString()
  after?: string;

  @Type(() => Number)
  @IsInt()
  @Min(1)
  @Max(100)
  limit = 20;

  /** Payloads may be large, and are other people's data: only on demand. */
  @IsOptional()
  @IsIn(['body'])
  include?: 'body';
}
