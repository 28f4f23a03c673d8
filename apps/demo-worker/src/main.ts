import 'reflect-metadata';
import { Logger } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { readEnvironment } from '../../demo-contract/src/index.js';
import { WorkerEnvironment } from './worker.environment.js';
import { WorkerModule } from './worker.module.js';

const environment = readEnvironment(WorkerEnvironment, process.env);
const worker = await NestFactory.createApplicationContext(WorkerModule.with(environment));
// On SIGTERM the handlers end, what is unfinished goes back uncounted, and the process exits with 0.
worker.enableShutdownHooks(['SIGTERM', 'SIGINT'], { useProcessExit: true });
new Logger('Worker').log('ready');
