import { DRIVER_NAMES } from './backend.registry.js';
import { fromPg } from '../composed/outbox/executors.js';
import { IsInt, IsOptional, IsString, Max } from 'class-validator';
import type { BackendFactory } from '../backend/backend.js';
import { memoryBackend } from '../backends/memory/index.js';
import { checkBackendOptions, checkModuleOptions } from './options.check.js';
import type { BackendConfig } from './queue.options.js';

const GOOD = { source: 'urn:service:hooks', backends: [{ name: 'main', driver: 'memory' }] };
const two = (...more: object[]) => [
  { name: 'a', driver: 'memory', ...more[0] },
  { name: 'b', driver: memoryBackend, ...more[1] },
];

const SQL = fromPg({ query: async () => ({ rows: [] }) });

describe('the options of the module', () => {
  it.each([
    ['the least', GOOD],
    ['a relative source', { ...GOOD, source: '/hooks' }],
    ['two backends, one of them primary', { ...GOOD, backends: two({ primary: true }) }],
    [
      'options of a driver, which are checked later',
      { ...GOOD, backends: [{ ...GOOD.backends[0], file: 1 }] },
    ],
    [
      'everything',
      {
        ...GOOD,
        group: 'g',
        consume: ['a.b'],
        topology: {
          topics: [{ name: 't', backend: 'main', dedup: '10m' }],
          subscriptions: [{ name: 's', topics: ['t'], backend: 'main' }],
        },
        dedup: { onStoreError: 'publish' },
        ensure: 'off',
        interceptors: [class {}, { intercept() {} }],
        shutdown: { drain: '10s' },
        ambient: { clock: {}, random: {}, ids: {} },
        isGlobal: false,
      },
    ],
    [
      'an outbox',
      { ...GOOD, backends: [{ name: 'a', driver: 'memory', outbox: { executor: SQL, poll: '1s' } }] },
    ],
    ['undefined where a value is optional', { ...GOOD, group: undefined, consume: undefined }],
  ])('pass: %s', (_what, given) => {
    expect(checkModuleOptions(given)).toBe(given);
  });

  it.each([
    [undefined, 'QueueModule options: an object is needed'],
    [{ backends: GOOD.backends }, 'source must be a URI reference such as urn:service:hooks (missing)'],
    [
      { ...GOOD, source: 'two words' },
      'source must be a URI reference such as urn:service:hooks (got "two words")',
    ],
    [{ ...GOOD, sorce: 'x' }, 'sorce is not an option (got "x")'],
    [{ ...GOOD, backends: [] }, 'backends should not be empty'],
    [{ ...GOOD, backends: 'main' }, 'backends must be an array'],
    [{ ...GOOD, backends: ['main'] }, 'each must be an object with a name and a driver'],
    [{ ...GOOD, backends: [{ driver: 'memory' }] }, 'backends[0].name must be 1 to 128 characters'],
    [{ ...GOOD, backends: [{ name: '', driver: 'memory' }] }, 'backends[0].name must be 1 to 128 characters'],
    [
      { ...GOOD, backends: [{ name: 'a', driver: 'carrier-pigeon' }] },
      `backends[0].driver must be one of ${DRIVER_NAMES.join(', ')}, or a backend factory (got "carrier-pigeon")`,
    ],
    [{ ...GOOD, backends: [{ name: 'a', driver: 'constructor' }] }, 'backends[0].driver must be one of'],
    [{ ...GOOD, backends: two({ primary: 1 }) }, 'backends[0].primary must be a boolean value (got 1)'],
    [{ ...GOOD, backends: two() }, 'backends: mark one of them with primary: true'],
    [
      { ...GOOD, backends: two({ primary: true }, { primary: true }) },
      'backends: more than one of them is primary',
    ],
    [{ ...GOOD, backends: two({ primary: true }, { name: 'a' }) }, 'backends: the name "a" is given twice'],
    [{ ...GOOD, group: 'a b' }, 'group must be 1 to 128 characters'],
    [{ ...GOOD, consume: 'all' }, 'consume must be true, false, or names of subscriptions (got "all")'],
    [
      { ...GOOD, ensure: 'maybe' },
      'ensure must be one of the following values: create, check, off (got "maybe")',
    ],
    [
      { ...GOOD, shutdown: { drain: '5 minutes' } },
      "shutdown.drain must be milliseconds from 0 up, or a text such as '500ms', '1s' or '5m' (got \"5 minutes\")",
    ],
    [{ ...GOOD, shutdown: { drian: 1 } }, 'shutdown.drian is not an option (got 1)'],
    [
      { ...GOOD, topology: { topics: [{ name: 't', dedup: '31d' }] } },
      'topology.topics[0].dedup must be a window longer than 0 and at most 30 days',
    ],
    [
      { ...GOOD, topology: { topics: [{ name: 't', backend: 'x' }] } },
      'topology.topics[0].backend: there is no backend "x"',
    ],
    [{ ...GOOD, dedup: { onStoreError: 'wait' } }, 'dedup.onStoreError must be one of'],
    [
      { ...GOOD, topology: { subscriptions: [{ name: 's', topics: [] }] } },
      'topology.subscriptions[0].topics should not be empty',
    ],
    [
      { ...GOOD, topology: { subscriptions: [{ name: 's', topics: ['a b'] }] } },
      'topology.subscriptions[0].topics each must be',
    ],
    [
      { ...GOOD, topology: { subscriptions: [{ name: 's', topics: ['t'], backend: 'x' }] } },
      'topology.subscriptions[0].backend: there is no backend "x"',
    ],
    [
      { ...GOOD, backends: [{ name: 'a', driver: 'memory', outbox: {} }] },
      'backends[0].outbox.executor must be an executor such as fromPg(pool) (missing)',
    ],
    [
      {
        ...GOOD,
        backends: [{ name: 'a', driver: 'memory', outbox: { executor: SQL, table: 'a;b', pol: 1 } }],
      },
      'backends[0].outbox.table must be the name of a table, with its schema if need be (got "a;b")',
    ],
    [{ ...GOOD, interceptors: [1] }, 'interceptors each must be an interceptor or a class of one'],
    [{ ...GOOD, ambient: { clock: {} } }, 'ambient must have a clock, random and ids'],
  ])('refuse %j', (given, message) => {
    expect(() => checkModuleOptions(given)).toThrow(message);
  });

  it('name every wrong option at once', () => {
    const check = () => checkModuleOptions({ ...GOOD, source: '', ensure: 1, extra: 1 });
    expect(check).toThrow(/source.*ensure.*extra|extra.*source.*ensure|source.*extra.*ensure/);
  });

  it('are not changed', () => {
    const given = Object.freeze({
      ...GOOD,
      backends: Object.freeze(two({ primary: true }).map((each) => Object.freeze(each))),
    });
    expect(checkModuleOptions(given)).toBe(given);
  });
});

describe('the options of a driver', () => {
  class PigeonOptions {
    @IsString()
    password!: string;

    @IsOptional()
    @IsInt()
    @Max(100, { message: 'wings must be at most 100, not $value' })
    wings?: number = 2;

    @IsOptional()
    @Max(1, { message: 'token must not be $value' })
    token?: unknown;
  }
  const pigeons = { ...memoryBackend, optionsClass: PigeonOptions } as unknown as BackendFactory;
  const check = (options: object): object =>
    checkBackendOptions(
      'backends[1]',
      { name: 'b', driver: pigeons, primary: true, ...options } as BackendConfig,
      pigeons,
    );

  it('get the defaults of their class, and nothing of ours', () => {
    expect(check({ password: 'p' })).toEqual({ password: 'p', wings: 2 });
    expect(check({ password: 'p', wings: undefined })).toEqual({ password: 'p', wings: 2 });
    expect(check({ password: 'p', wings: 4 })).toBeInstanceOf(PigeonOptions);
  });

  it.each([
    [{ password: 'p', wings: 101 }, 'backends[1].wings must be at most 100, not 101 (got 101)'],
    [{ password: 'p', beak: 'long' }, 'backends[1].beak is not an option (got "long")'],
    [{}, 'backends[1].password must be a string (missing)'],
  ])('are refused by their path: %j', (options, message) => {
    expect(() => check(options)).toThrow(message);
  });

  it('never print a secret', () => {
    for (const options of [
      { password: 4242 },
      { password: 'p', token: '4242' },
      { password: 'p', apiKey: '4242' },
    ]) {
      expect(() => check(options)).toThrow(/backends\[1\]/);
      expect(() => check(options)).not.toThrow(/4242/);
    }
  });

  it('cannot reach a prototype', () => {
    const options = JSON.parse('{"password":"p","__proto__":{"polluted":1}}') as object;
    expect(() =>
      checkBackendOptions(
        'backends[0]',
        { name: 'b', driver: pigeons, ...options } as BackendConfig,
        pigeons,
      ),
    ).not.toThrow(TypeError);
    expect(({} as { polluted?: number }).polluted).toBeUndefined();
  });
});
