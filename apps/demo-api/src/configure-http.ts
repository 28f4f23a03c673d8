import type { NestExpressApplication } from '@nestjs/platform-express';

/** GitHub's own limit. */
const LARGEST_WEBHOOK = '25mb';

/**
 * Bodies stay bytes until their signature was checked. Compressed ones are refused: GitHub sends none, and the
 * signature is over the bytes as they came. Create the application with `bodyParser: false`.
 */
export function configureHttp(app: NestExpressApplication): NestExpressApplication {
  app.useBodyParser('raw', { type: 'application/json', limit: LARGEST_WEBHOOK, inflate: false });
  app.disable('x-powered-by');
  return app;
}
