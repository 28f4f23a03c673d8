import { Controller, Get, Query } from '@nestjs/common';
import { Type } from 'class-transformer';
import { IsInt, Max, Min } from 'class-validator';
import { ActivityReader, type ActivityCount, type RecentDelivery } from './activity.reader.js';

export class ActivityQuery {
  /** Newest deliveries to show, and counters, the largest first. */
  @Type(() => Number)
  @IsInt()
  @Min(1)
  @Max(1_000)
  limit = 20;
}

@Controller('activity')
export class ActivityController {
  constructor(private readonly activity: ActivityReader) {}

  @Get()
  read(@Query() { limit }: ActivityQuery): { counts: ActivityCount[]; newest: RecentDelivery[] } {
    return { counts: this.activity.counts(limit), newest: this.activity.newest(limit) };
  }
}
