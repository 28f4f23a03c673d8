import { validateSync, type ValidationError } from 'class-validator';
import type { BackendFactory } from '../backend/backend.js';
import { bridgeProblems } from './bridge.options.js';
import { delayProblems } from './delay-store.js';
import { InvalidOptionsError } from './nest.errors.js';
import {
  BackendRules,
  DedupRules,
  ModuleRules,
  OutboxRules,
  ShutdownRules,
  SubscriptionRules,
  TopicRules,
  TopologyRules,
} from './options.rules.js';
import { storeProblems } from './shared.store.js';
import { encryptionProblems } from './encryption.options.js';
import { signingProblems } from './signing.options.js';
import type { BackendConfig, QueueModuleOptions } from './queue.options.js';

const BACKEND_KEYS = new Set([
  'name',
  'driver',
  'primary',
  'start',
  'locality',
  'codec',
  'outbox',
  'delays',
  'store',
  'signing',
  'claimCheck',
  'compression',
  'encryption',
]);
/** What stands under such a key is never printed. */
const SECRET = /pass|secret|token|key|credential|auth|cert|dsn|ur[il]|connection|user/i;
const STRICT = { whitelist: true, forbidNonWhitelisted: true, forbidUnknownValues: false };

/** Throws InvalidOptionsError with every wrong option, each by its path. Changes nothing in what was given. */
export function checkModuleOptions(given: unknown): QueueModuleOptions {
  if (!isRecord(given)) throw new InvalidOptionsError('QueueModule options: an object is needed');
  report('', validateSync(withRules(given), STRICT));
  const options = given as unknown as QueueModuleOptions;
  checkNames(options);
  const names = options.backends.map(({ name }) => name);
  const problems = [
    ...bridgeProblems(options.bridges, names),
    ...delayProblems(options.backends),
    ...storeProblems(options.backends),
    ...signingProblems(options.backends),
    ...encryptionProblems(options.backends),
  ];
  if (problems.length > 0) fail(problems);
  return options;
}

/** The options of a driver, checked against its own class, defaults filled in. `path` such as `backends[1]`. */
export function checkBackendOptions(path: string, config: BackendConfig, factory: BackendFactory): object {
  const options = new factory.optionsClass();
  for (const [key, value] of Object.entries(config)) {
    if (!BACKEND_KEYS.has(key) && value !== undefined) define(options, key, value);
  }
  report(`${path}.`, validateSync(options, STRICT));
  return options;
}

/** A copy in which each part is an instance of the class that has its rules. */
function withRules(given: Record<string, unknown>): ModuleRules {
  const { backends, topology, dedup, shutdown } = given;
  return fill(new ModuleRules(), {
    ...given,
    backends: mapped(backends, (backend) => backendRules(onlyBase(backend))),
    topology: isRecord(topology)
      ? fill(new TopologyRules(), {
          ...topology,
          topics: mapped(topology['topics'], (each) => fill(new TopicRules(), each)),
          subscriptions: mapped(topology['subscriptions'], (each) => fill(new SubscriptionRules(), each)),
        })
      : topology,
    dedup: isRecord(dedup) ? fill(new DedupRules(), dedup) : dedup,
    shutdown: isRecord(shutdown) ? fill(new ShutdownRules(), shutdown) : shutdown,
  });
}

function mapped(list: unknown, map: (each: Record<string, unknown>) => object): unknown {
  return Array.isArray(list) ? list.map((each: unknown) => (isRecord(each) ? map(each) : each)) : list;
}

function backendRules(base: Record<string, unknown>): BackendRules {
  const { outbox } = base;
  return fill(new BackendRules(), {
    ...base,
    outbox: isRecord(outbox) ? fill(new OutboxRules(), outbox) : outbox,
  });
}

/** The rest belongs to the driver. */
function onlyBase(backend: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(backend).filter(([key]) => BACKEND_KEYS.has(key)));
}

function fill<T extends object>(target: T, values: Record<string, unknown>): T {
  for (const [key, value] of Object.entries(values)) if (value !== undefined) define(target, key, value);
  return target;
}

/** As an own property, whatever it is called. */
function define(target: object, key: string, value: unknown): void {
  Object.defineProperty(target, key, { value, writable: true, enumerable: true, configurable: true });
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function checkNames({ backends, topology }: QueueModuleOptions): void {
  const names = backends.map(({ name }) => name);
  const twice = names.find((name, at) => names.indexOf(name) !== at);
  if (twice !== undefined) fail([`backends: the name "${twice}" is given twice`]);
  const primaries = backends.filter(({ primary }) => primary === true).length;
  if (primaries > 1) fail(['backends: more than one of them is primary']);
  if (primaries === 0 && names.length > 1) fail(['backends: mark one of them with primary: true']);
  for (const part of ['topics', 'subscriptions'] as const) {
    topology?.[part]?.forEach(({ backend }, at) => {
      if (backend !== undefined && !names.includes(backend)) {
        fail([`topology.${part}[${at}].backend: there is no backend "${backend}"`]);
      }
    });
  }
}

function report(prefix: string, errors: readonly ValidationError[]): void {
  const problems = errors.flatMap((error) => describe(prefix, error));
  if (problems.length > 0) fail(problems);
}

function describe(path: string, error: ValidationError): readonly string[] {
  const { property, constraints = {}, children = [], target } = error;
  const place = Array.isArray(target) ? `${path.replace(/\.$/, '')}[${property}]` : `${path}${property}`;
  const own = Object.entries(constraints).map(
    ([rule, message]) => `${place}${said(error, rule, message)}${shown(error)}`,
  );
  return [...own, ...children.flatMap((child) => describe(`${place}.`, child))];
}

/** The message without the property's name, which the path has already. */
function said({ property, value }: ValidationError, rule: string, message: string): string {
  if (rule === 'whitelistValidation') return ' is not an option';
  const text = message.startsWith(`${property} `) ? message.slice(property.length) : ` ${message}`;
  const secret = SECRET.test(property) && typeof value === 'string' && value !== '';
  return secret ? text.replaceAll(value, '…') : text;
}

function shown({ property, value }: ValidationError): string {
  if (value === undefined) return ' (missing)';
  if (SECRET.test(property)) return '';
  if (typeof value === 'string') return ` (got ${JSON.stringify(value.slice(0, 60))})`;
  return typeof value === 'number' || typeof value === 'boolean' ? ` (got ${String(value)})` : '';
}

function fail(problems: readonly string[]): never {
  throw new InvalidOptionsError(`QueueModule options: ${problems.join('; ')}`);
}
