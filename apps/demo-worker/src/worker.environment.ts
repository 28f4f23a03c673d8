import { IsUrl } from 'class-validator';
import { DemoEnvironment } from '../../demo-contract/src/index.js';

export class WorkerEnvironment extends DemoEnvironment {
  /** Where the notifier posts to. */
  @IsUrl({ require_tld: false, protocols: ['http', 'https'], require_protocol: true })
  DEMO_DOWNSTREAM_URL!: string;
}
