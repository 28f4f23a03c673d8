import 'reflect-metadata';
import {
  type CanActivate,
  type INestApplicationContext,
  Injectable,
  Module,
  type NestInterceptor,
  type PipeTransform,
  UseGuards,
  UseInterceptors,
} from '@nestjs/common';
import { ROUTE_ARGS_METADATA } from '@nestjs/common/constants.js';
import { NestFactory } from '@nestjs/core';
import { map } from 'rxjs';
import type { MessageContext } from '../../libs/queue/src/interceptors/message-context.ts';
import type { HandlerShape } from '../contender.ts';

const guard: CanActivate = { canActivate: () => true };
const pipe: PipeTransform = { transform: (value: unknown) => value };
const interceptor: NestInterceptor = {
  intercept: (_context, next) => next.handle().pipe(map((value: unknown) => value)),
};

/** How Nest numbers what a parameter asks for, in transports. */
export const PAYLOAD = 3;
const CONTEXT = 6;

export interface Handler {
  handle(data: unknown, context: MessageContext): Promise<unknown>;
}

/** A handler as its decorators would have left it: Node, which strips types, does not run decorators. */
function handlerClass(shape: HandlerShape): new () => Handler {
  class BenchHandler implements Handler {
    async handle(data: unknown, _context: MessageContext): Promise<unknown> {
      return data;
    }
  }
  Injectable()(BenchHandler);
  if (shape === 'bare') return BenchHandler;
  const method = Object.getOwnPropertyDescriptor(BenchHandler.prototype, 'handle') as PropertyDescriptor;
  UseGuards(guard)(BenchHandler.prototype, 'handle', method);
  if (shape !== 'guard + pipe') UseInterceptors(interceptor)(BenchHandler.prototype, 'handle', method);
  const params = { [`${PAYLOAD}:0`]: { index: 0, pipes: [pipe] }, [`${CONTEXT}:1`]: { index: 1, pipes: [] } };
  Reflect.defineMetadata(ROUTE_ARGS_METADATA, params, BenchHandler, 'handle');
  return BenchHandler;
}

export interface App {
  readonly app: INestApplicationContext;
  readonly type: new () => Handler;
}

/** An application with one handler in it. */
export async function start(shape: HandlerShape): Promise<App> {
  class BenchModule {}
  const type = handlerClass(shape);
  Module({ providers: [type] })(BenchModule);
  return { app: await NestFactory.createApplicationContext(BenchModule, { logger: false }), type };
}
