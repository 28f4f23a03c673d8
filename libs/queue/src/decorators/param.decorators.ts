import 'reflect-metadata';
import { ROUTE_ARGS_METADATA } from '@nestjs/common/constants.js';
import type { PipeTransform, Type } from '@nestjs/common';
import type { StandardSchema } from './payload-type.js';

/**
 * How Nest writes down what a parameter asks for: under one key per class and method, as `type:index`. Payload and
 * context have the numbers of `@nestjs/microservices`, so that its `@Payload()` and `@Ctx()` mean the same here.
 */
export const PARAM_TYPE = Object.freeze({ payload: 3, context: 6, event: 1001 });

/** One parameter, as written down; `factory` marks those made with createParamDecorator. */
export interface ParamEntry {
  readonly index: number;
  readonly data?: unknown;
  readonly pipes?: readonly PipeRef[];
  readonly schema?: StandardSchema | undefined;
  readonly factory?: unknown;
}

export type ParamEntries = Readonly<Record<string, ParamEntry>>;

export type PipeRef = PipeTransform | Type<PipeTransform>;

export interface PayloadParamOptions {
  /** What the payload must look like. */
  readonly schema?: StandardSchema;
  readonly pipes?: readonly PipeRef[];
}

/** The payload, or one property of it; with pipes of its own. */
export function Payload(options: PayloadParamOptions): ParameterDecorator;
export function Payload(property: string, ...pipes: PipeRef[]): ParameterDecorator;
export function Payload(...pipes: PipeRef[]): ParameterDecorator;
export function Payload(
  first?: string | PipeRef | PayloadParamOptions,
  ...rest: PipeRef[]
): ParameterDecorator {
  if (typeof first === 'string') return asks(PARAM_TYPE.payload, { data: first, pipes: rest });
  if (isOptions(first))
    return asks(PARAM_TYPE.payload, { pipes: [...(first.pipes ?? [])], schema: first.schema });
  return asks(PARAM_TYPE.payload, { pipes: first === undefined ? rest : [first, ...rest] });
}

/** The whole DomainEvent; undefined for a raw handler. */
export function Event(...pipes: PipeRef[]): ParameterDecorator {
  return asks(PARAM_TYPE.event, { pipes });
}

/** The MessageContext: attempt, headers, signal and the rest. */
export function Ctx(...pipes: PipeRef[]): ParameterDecorator {
  return asks(PARAM_TYPE.context, { pipes });
}

function isOptions(given: string | PipeRef | PayloadParamOptions | undefined): given is PayloadParamOptions {
  return typeof given === 'object' && !('transform' in given);
}

function asks(type: number, entry: Omit<ParamEntry, 'index'>): ParameterDecorator {
  return (target, method, index) => {
    if (method === undefined) return; // a constructor's parameter, which no message reaches
    const before = (Reflect.getMetadata(ROUTE_ARGS_METADATA, target.constructor, method) ??
      {}) as ParamEntries;
    // An overriding method starts from its parent's entries: what the parent asked for at this place is replaced.
    const others = Object.entries(before).filter(([, other]) => other.index !== index);
    const entries = { ...Object.fromEntries(others), [`${type}:${index}`]: { index, ...entry } };
    Reflect.defineMetadata(ROUTE_ARGS_METADATA, entries, target.constructor, method);
  };
}
