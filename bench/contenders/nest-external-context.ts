import { ExternalContextCreator } from '@nestjs/core';
import { ROUTE_ARGS_METADATA } from '@nestjs/common/constants.js';
import { dispatching } from '../dispatch.ts';
import { PAYLOAD } from './nest-handlers.ts';

const params = {
  exchangeKeyForValue: (type: number, _property: unknown, args: readonly unknown[]): unknown =>
    type === PAYLOAD ? args[0] : args[1],
};
const ALL = { guards: true, interceptors: true, filters: true };

/** Nest's own way to call a handler with its enhancers: what transports, GraphQL and schedulers use. */
export const contender = dispatching(({ app, type }) => {
  const creator = app.get(ExternalContextCreator);
  const handler = app.get(type);
  const call = creator.create(
    handler,
    Reflect.get(handler, 'handle') as never,
    'handle',
    ROUTE_ARGS_METADATA,
    params,
    undefined,
    undefined,
    ALL,
    'queue',
  );
  return (context) => call(context.data, context);
});
