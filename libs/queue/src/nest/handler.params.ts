import { ContextUtils } from '@nestjs/core/helpers/context-utils.js';
import { ROUTE_ARGS_METADATA } from '@nestjs/common/constants.js';
import type { ArgumentMetadata, ExecutionContext, PipeTransform } from '@nestjs/common';
import { PARAM_TYPE, type ParamEntries, type ParamEntry } from '../decorators/param.decorators.js';
import type { MessageContext } from '../interceptors/message-context.js';
import type { Enhancers } from './enhancer.resolver.js';
import type { HandlerCall } from './handler.call.js';

/** One parameter of a handler, ready to be filled. */
export interface Param {
  readonly index: number;
  readonly extract: (call: HandlerCall) => unknown;
  /** Made with createParamDecorator, whose factory may answer with a promise. */
  readonly custom: boolean;
  readonly pipes: readonly PipeTransform[];
  readonly metadata: ArgumentMetadata;
}

export interface Params {
  /** How many arguments the method gets. */
  readonly count: number;
  readonly list: readonly Param[];
}

/** A parameter as its decorator wrote it down, with the class it has in the source. */
export interface DeclaredParam {
  readonly type: number | 'custom';
  readonly entry: ParamEntry;
  readonly metatype: unknown;
}

const utils = new ContextUtils();

/** What the decorators of a method's parameters say; nothing when there are none. */
export function declaredParams(instance: object, method: string): readonly DeclaredParam[] {
  const entries = utils.reflectCallbackMetadata<ParamEntries | undefined>(
    instance,
    method,
    ROUTE_ARGS_METADATA,
  );
  const types = paramTypes(instance, method);
  return Object.entries(entries ?? {}).map(([key, entry]) => ({
    type: entry.factory === undefined ? Number(utils.mapParamType(key)) : 'custom',
    entry,
    metatype: types[entry.index],
  }));
}

/** A method without parameter decorators gets `(data, context)`, and pipes see the data. */
export function defaultParams(instance: object, method: string): readonly DeclaredParam[] {
  return [
    { type: PARAM_TYPE.payload, entry: { index: 0 }, metatype: paramTypes(instance, method)[0] },
    { type: PARAM_TYPE.context, entry: { index: 1 }, metatype: undefined },
  ];
}

/** Classes of the parameters; none where the compiler does not emit them. */
function paramTypes(instance: object, method: string): readonly unknown[] {
  return (utils.reflectCallbackParamtypes(instance, method) as readonly unknown[] | undefined) ?? [];
}

export function compileParams(declared: readonly DeclaredParam[], enhancers: Enhancers): Params {
  const list = declared.map((param) => compileParam(param, enhancers));
  return { count: Math.max(...list.map((param) => param.index)) + 1, list };
}

export function compileDefaultParams(declared: readonly DeclaredParam[], enhancers: Enhancers): Params {
  const [data, context] = compileParams(declared, enhancers).list as [Param, Param];
  return { count: 2, list: [data, { ...context, pipes: [] }] };
}

function compileParam({ type, entry, metatype }: DeclaredParam, enhancers: Enhancers): Param {
  const { index, data, pipes = [], schema } = entry;
  return {
    index,
    extract: type === 'custom' ? customExtractor(entry) : extractor(type, data),
    custom: type === 'custom',
    pipes: [...enhancers.pipes, ...enhancers.pipesOf(pipes)],
    metadata: {
      type: type === PARAM_TYPE.payload ? 'body' : 'custom',
      metatype: metatype as ArgumentMetadata['metatype'],
      data: data as string | undefined,
      schema,
    } as ArgumentMetadata,
  };
}

type ParamFactory = (data: unknown, context: ExecutionContext) => unknown;

function customExtractor({ factory, data }: ParamEntry): Param['extract'] {
  if (typeof factory !== 'function') return () => null;
  return ({ execution }) => (factory as ParamFactory)(data, execution);
}

function extractor(type: number, property: unknown): Param['extract'] {
  switch (type) {
    case PARAM_TYPE.payload:
      return typeof property === 'string' && property !== ''
        ? ({ context }) => (context.data as Record<string, unknown> | null | undefined)?.[property]
        : ({ context }) => context.data;
    case PARAM_TYPE.context:
      return ({ context }) => context;
    case PARAM_TYPE.event:
      return eventOf;
    default:
      return () => null; // a decorator of another transport: as Nest does
  }
}

/** With the payload as validation left it. */
function eventOf({ context }: HandlerCall): MessageContext['event'] {
  const { event, data } = context;
  return event === undefined || event.data === data ? event : { ...event, data };
}
