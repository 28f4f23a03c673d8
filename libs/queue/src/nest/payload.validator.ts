import type { Type } from '@nestjs/common';
import { plainToInstance } from 'class-transformer';
import { getMetadataStorage, validate, type ValidationError } from 'class-validator';
import {
  isStandardSchema,
  type PayloadType,
  type StandardIssue,
  type StandardSchema,
} from '../decorators/payload-type.js';
import { InvalidPayloadError } from '../interceptors/handling.errors.js';

/** Answers with the payload as the handler gets it. Throws InvalidPayloadError. */
export type ValidatePayload = (data: unknown) => unknown;

/** One thing that is wrong with a payload; `path` such as `items.0.price`, empty for the payload itself. */
export interface PayloadIssue {
  readonly path: string;
  readonly message: string;
}

export function payloadValidator(type: PayloadType): ValidatePayload {
  return isStandardSchema(type) ? schemaValidator(type) : classValidator(type);
}

/** Whether class-validator knows rules for a class, its parents included. */
export function hasRules(type: unknown): type is Type {
  if (typeof type !== 'function') return false;
  return getMetadataStorage().getTargetValidationMetadatas(type, '', false, false).length > 0;
}

const VALIDATION = Object.freeze({
  forbidUnknownValues: true,
  validationError: { target: false, value: false },
});

function classValidator(type: Type): ValidatePayload {
  return async (data) => {
    if (typeof data !== 'object' || data === null || Array.isArray(data)) {
      throw invalid([{ path: '', message: 'must be an object' }]);
    }
    const trap = findTrap(data, '');
    if (trap !== undefined) throw invalid([trap]);
    const instance = plainToInstance(type, data) as object;
    const issues = (await validate(instance, VALIDATION)).flatMap((error) => issuesOf('', error));
    if (issues.length > 0) throw invalid(issues);
    return instance;
  };
}

function issuesOf(
  prefix: string,
  { property, constraints = {}, children = [] }: ValidationError,
): PayloadIssue[] {
  const path = `${prefix}${property}`;
  const own = Object.values(constraints).map((message) => ({ path, message }));
  return [...own, ...children.flatMap((child) => issuesOf(`${path}.`, child))];
}

/**
 * The first key that copying into an instance would take for its prototype. A payload with `constructor` as plain data
 * is fine: only an object there could stand in for a class.
 */
function findTrap(value: object, path: string): PayloadIssue | undefined {
  for (const key of Object.keys(value)) {
    const member = (value as Record<string, unknown>)[key];
    if (typeof member !== 'object' || member === null) continue;
    if (TRAPS.has(key)) return { path: `${path}${key}`, message: `the key "${key}" is not allowed` };
    const found = findTrap(member, `${path}${key}.`);
    if (found !== undefined) return found;
  }
  return undefined;
}

const TRAPS = new Set(['__proto__', 'constructor', 'prototype']);

function schemaValidator(schema: StandardSchema): ValidatePayload {
  return (data) => {
    const result = schema['~standard'].validate(data);
    return result instanceof Promise ? result.then(valueOf) : valueOf(result);
  };
}

function valueOf(result: Awaited<ReturnType<StandardSchema['~standard']['validate']>>): unknown {
  if (result.issues === undefined) return result.value;
  throw invalid(
    result.issues.map(({ message, path = [] }) => ({ path: path.map(segment).join('.'), message })),
  );
}

function segment(part: NonNullable<StandardIssue['path']>[number]): string {
  return String(typeof part === 'object' ? part.key : part);
}

function invalid(issues: readonly PayloadIssue[]): InvalidPayloadError {
  const [first] = issues;
  const where = first === undefined || first.path === '' ? '' : `${first.path}: `;
  const more = issues.length > 1 ? ` (and ${issues.length - 1} more)` : '';
  return new InvalidPayloadError(`the payload is not valid: ${where}${first?.message ?? ''}${more}`, issues);
}
