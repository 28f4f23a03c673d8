import 'reflect-metadata';
import { Logger } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import type { NestExpressApplication } from '@nestjs/platform-express';
import { readEnvironment } from '../../demo-contract/src/index.js';
import { ApiEnvironment } from './api.environment.js';
import { ApiModule } from './api.module.js';
import { configureHttp } from './configure-http.js';

const environment = readEnvironment(ApiEnvironment, process.env);
const app = await NestFactory.create<NestExpressApplication>(ApiModule.with(environment), {
  bodyParser: false,
});
configureHttp(app).enableShutdownHooks(['SIGTERM', 'SIGINT'], { useProcessExit: true });
await app.listen(environment.DEMO_API_PORT, '127.0.0.1');
new Logger('Api').log(`listening on ${await app.getUrl()}`);
