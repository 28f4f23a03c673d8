import { Type } from 'class-transformer';
import { IsInt, IsString, Max, Min, MinLength } from 'class-validator';
import { DemoEnvironment } from '../../demo-contract/src/index.js';

export class ApiEnvironment extends DemoEnvironment {
  /** What GitHub was given as the webhook's secret. */
  @IsString()
  @MinLength(16)
  DEMO_WEBHOOK_SECRET!: string;

  /** Port on 127.0.0.1; 0: any free one, named in the log. */
  @Type(() => Number)
  @IsInt()
  @Min(0)
  @Max(65_535)
  DEMO_API_PORT = 3000;
}
