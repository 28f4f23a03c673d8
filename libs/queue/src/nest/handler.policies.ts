import type { ConsumeOptions } from '../decorators/consume.decorator.js';
import { PARAM_TYPE } from '../decorators/param.decorators.js';
import type { HandlerMetadata, ConsumeEntry } from '../decorators/handler-metadata.js';
import type { PayloadType } from '../decorators/payload-type.js';
import type { BatchPolicy } from '../policies/batch.policy.js';
import { resolvePolicies, type ConsumePolicies } from '../policies/consume.policies.js';
import { parseDuration, type Duration } from '../policies/duration.js';
import { DEFAULT_IDEMPOTENCY } from '../policies/idempotency.policy.js';
import { keyOrder } from '../policies/ordering.policy.js';
import { DEFAULT_SINGLE, type SinglePolicy } from '../policies/limits.policy.js';
import type { Locality } from '../policies/resolve-locality.js';
import { DEFAULT_RETRY } from '../policies/retry.policy.js';
import type { Upcaster } from '../policies/upcasters.js';
import { declaredParams, defaultParams } from './handler.params.js';
import { upcastingOf } from './handler.upcasting.js';
import { InvalidHandlerError } from './nest.errors.js';
import { hasRules, payloadValidator } from './payload.validator.js';
import { isStandardSchema } from '../decorators/payload-type.js';

/** A described method of a host. `instance` may be a placeholder: only what is written about its class is read. */
export interface DescribedHandler {
  /** `Class.method`. */
  readonly name: string;
  readonly instance: object;
  readonly method: string;
  readonly metadata: HandlerMetadata;
}

/** What a backend's options say for its handlers. */
export interface PolicyDefaults {
  readonly locality?: Locality | undefined;
  readonly upcasters?: readonly Upcaster[];
}

/** What the decorators say, over the defaults. Throws QueueErrors that name the handler. */
export function policiesOf(
  handler: DescribedHandler,
  { options, topics }: ConsumeEntry,
  { locality, upcasters = [] }: PolicyDefaults = {},
): ConsumePolicies {
  const { name, metadata } = handler;
  const { retry, idempotent, deadLetter } = metadata;
  const ms = (what: string, given: Duration | undefined): number | undefined =>
    optionalMs(`${name}: ${what}`, given);
  const given = {
    delivery: options.delivery,
    locality: options.locality ?? locality,
    concurrency: options.concurrency,
    prefetch: options.prefetch,
    leaseMs: ms('lease', options.lease),
    maxLeaseMs: ms('maxLease', options.maxLease),
    timeoutMs: ms('timeout', options.timeout),
    abortGraceMs: ms('abortGrace', options.abortGrace),
    batch: batchOf(handler, options),
    ...limitsOf(name, options),
    order: options.order && keyOrder(name, options.order),
    bounds: options.bounds,
    start: options.start,
    raw: options.raw,
    retry: retry && { ...DEFAULT_RETRY, ...defined(retry) },
    maxCrashes: deadLetter?.maxCrashes,
    deadRetentionMs: ms('deadLetter.keep', deadLetter?.keep),
    idempotency: idempotencyOf(name, idempotent),
    upcasting: upcastingOf({ name, topics, raw: options.raw, version: options.schemaVersion }, upcasters),
    validate: validatorOf(handler, options.payload, options.raw === true),
  };
  return resolvePolicies(name, defined(given));
}

function optionalMs(what: string, given: Duration | undefined): number | undefined {
  return given === undefined ? undefined : parseDuration(what, given);
}

function batchOf(
  { name, instance, method }: DescribedHandler,
  options: ConsumeOptions,
): BatchPolicy | undefined {
  const { batch } = options;
  if (batch === undefined) return undefined;
  if (declaredParams(instance, method).some(({ type }) => type === PARAM_TYPE.event)) {
    throw new InvalidHandlerError(
      name,
      'a batch is many events: take them from the BatchContext instead of @Event()',
    );
  }
  if (options.type !== undefined || options.headers !== undefined) {
    throw new InvalidHandlerError(
      name,
      'a handler of batches takes every message: take `type` and `headers` away',
    );
  }
  const { size, within, bytes, by } = batch;
  return { size, withinMs: parseDuration(`${name}: batch.within`, within), bytes, by };
}

function limitsOf(name: string, { rate, circuit, single }: ConsumeOptions): Partial<ConsumePolicies> {
  return {
    rate: rate && { max: rate.max, perMs: parseDuration(`${name}: rate.per`, rate.per) },
    circuit: circuit && {
      failures: circuit.failures,
      openMs: parseDuration(`${name}: circuit.open`, circuit.open),
    },
    single: singleOf(name, single),
  };
}

function idempotencyOf(name: string, given: HandlerMetadata['idempotent']): ConsumePolicies['idempotency'] {
  if (given === undefined) return undefined;
  const { key, ttl, busyDelay, result: keepsResult } = given;
  return {
    ...DEFAULT_IDEMPOTENCY,
    ...defined({
      key,
      keepsResult,
      ttlMs: optionalMs(`${name}: idempotency ttl`, ttl),
      busyDelayMs: optionalMs(`${name}: idempotency busyDelay`, busyDelay),
    }),
  };
}

/** Without the members that were not given, which would hide defaults. */
function defined<T extends object>(given: T): { [K in keyof T]?: Exclude<T[K], undefined> } {
  const entries = Object.entries(given).filter(([, value]) => value !== undefined);
  return Object.fromEntries(entries) as { [K in keyof T]?: Exclude<T[K], undefined> };
}

function singleOf(name: string, given: ConsumeEntry['options']['single']): SinglePolicy | undefined {
  if (given === undefined || given === false) return undefined;
  if (given === true) return DEFAULT_SINGLE;
  return { leaseMs: parseDuration(`${name}: single.lease`, given.lease) };
}

function validatorOf(
  handler: DescribedHandler,
  given: PayloadType | undefined,
  raw: boolean,
): ConsumePolicies['validate'] {
  if (raw && given !== undefined) {
    throw new InvalidHandlerError(handler.name, 'a raw handler gets bytes, which `payload` cannot describe');
  }
  const type = raw ? undefined : (given ?? inferredType(handler));
  if (type === undefined) return undefined;
  if (!isStandardSchema(type) && !hasRules(type)) {
    throw new InvalidHandlerError(
      handler.name,
      '`payload` must be a class with class-validator rules or a Standard Schema',
    );
  }
  return payloadValidator(type);
}

/** The schema or the class of the parameter that takes the whole payload. */
function inferredType({ instance, method }: DescribedHandler): PayloadType | undefined {
  const declared = declaredParams(instance, method);
  const params = declared.length > 0 ? declared : defaultParams(instance, method);
  for (const { type, entry, metatype } of params) {
    if (type !== PARAM_TYPE.payload || (typeof entry.data === 'string' && entry.data !== '')) continue;
    if (isStandardSchema(entry.schema)) return entry.schema;
    if (hasRules(metatype)) return metatype;
  }
  return undefined;
}
