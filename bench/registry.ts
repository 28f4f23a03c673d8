import type { HandlerShape, Phase } from './contender.ts';

export const BACKENDS = ['memory', 'sqlite', 'nest', 'postgres', 'redis', 'rabbitmq'] as const;
export type BackendName = (typeof BACKENDS)[number];
/** Ours is compared with the limit, of which a phase has at most one, and with every peer by its name. */
export type Role = 'limit' | 'peer' | 'ours' | 'reference';

export interface Entry {
  /** Its file in contenders/. */
  readonly file: string;
  readonly backend: BackendName;
  /** As it is printed. */
  readonly name: string;
  readonly role: Role;
  readonly phases: readonly Phase[];
  /** Does the same whatever the concurrency: measured once, and compared with every concurrency. */
  readonly serial?: true;
  /** Only of dispatch: compared with the same shape, and with the direct call. */
  readonly handler?: HandlerShape;
  /** Of the messages of a cell, how many it gets, so that all take about as long. Not of a latency. */
  readonly share?: number;
}

const REMOTE: readonly Phase[] = ['publish', 'bulk', 'consume', 'latency'];

export const ENTRIES: readonly Entry[] = [
  ...on('memory', [
    { file: 'memory-direct', name: 'direct await', role: 'reference', phases: ['publish+handle'] },
    {
      file: 'memory-ring',
      name: 'promise queue',
      role: 'limit',
      phases: ['publish', 'consume', 'publish+handle'],
    },
    { file: 'memory-fastq', name: 'fastq.promise', role: 'peer', phases: ['publish+handle'] },
    {
      file: 'memory-pigeonpost',
      name: 'pigeonpost',
      role: 'ours',
      phases: ['publish', 'consume', 'publish+handle'],
    },
  ]),
  ...on('sqlite', [
    {
      file: 'sqlite-raw',
      name: 'node:sqlite',
      role: 'limit',
      phases: ['publish', 'consume', 'latency'],
      serial: true,
    },
    {
      file: 'sqlite-plainjob',
      name: 'plainjob',
      role: 'peer',
      phases: ['publish', 'consume'],
      serial: true,
      share: 0.05,
    },
    {
      file: 'sqlite-pigeonpost',
      name: 'pigeonpost',
      role: 'ours',
      phases: ['publish', 'consume', 'latency'],
    },
  ]),
  ...on('postgres', [
    { file: 'postgres-raw', name: 'pg', role: 'limit', phases: REMOTE, serial: true, share: 2 },
    { file: 'postgres-graphile', name: 'graphile-worker', role: 'peer', phases: ['publish'], share: 0.06 },
    {
      file: 'postgres-graphile',
      name: 'graphile-worker',
      role: 'peer',
      phases: ['bulk', 'consume', 'latency'],
    },
    { file: 'postgres-pg-boss', name: 'pg-boss', role: 'peer', phases: ['publish'], share: 0.06 },
    { file: 'postgres-pg-boss', name: 'pg-boss', role: 'peer', phases: ['bulk', 'consume', 'latency'] },
    { file: 'postgres-pigeonpost', name: 'pigeonpost', role: 'ours', phases: REMOTE },
  ]),
  ...on('redis', [
    {
      file: 'redis-lua',
      name: 'Lua, 500',
      role: 'limit',
      phases: ['publish', 'bulk', 'consume'],
      serial: true,
      share: 2,
    },
    { file: 'redis-stream', name: 'stream', role: 'limit', phases: ['latency'] },
    { file: 'redis-lua-single', name: 'Lua, 1', role: 'reference', phases: ['publish'] },
    { file: 'redis-bullmq', name: 'BullMQ', role: 'peer', phases: REMOTE, share: 0.3 },
    { file: 'redis-bee-queue', name: 'bee-queue', role: 'peer', phases: REMOTE },
    { file: 'redis-pigeonpost', name: 'pigeonpost', role: 'ours', phases: REMOTE },
  ]),
  ...on('rabbitmq', [
    { file: 'rabbitmq-raw', name: 'amqplib', role: 'limit', phases: ['publish', 'consume', 'latency'] },
    {
      file: 'rabbitmq-client',
      name: 'rabbitmq-client',
      role: 'peer',
      phases: ['publish', 'consume', 'latency'],
    },
    { file: 'rabbitmq-acm', name: 'acm', role: 'peer', phases: ['publish', 'consume', 'latency'] },
    {
      file: 'rabbitmq-pigeonpost',
      name: 'pigeonpost',
      role: 'ours',
      phases: ['publish', 'consume', 'latency'],
    },
  ]),
  { file: 'nest-direct', backend: 'nest', name: 'direct call', role: 'limit', phases: ['dispatch'] },
  ...dispatching('bare'),
  ...dispatching('guard + pipe'),
  ...dispatching('guard + pipe + interceptor'),
];

function on(backend: BackendName, entries: readonly Omit<Entry, 'backend'>[]): readonly Entry[] {
  return entries.map((entry) => ({ backend, ...entry }));
}

function dispatching(handler: HandlerShape): readonly Entry[] {
  const entry = { backend: 'nest', phases: ['dispatch'], handler } as const;
  return [
    { ...entry, file: 'nest-external-context', name: `ExternalContextCreator, ${handler}`, role: 'peer' },
    { ...entry, file: 'nest-pigeonpost', name: `pigeonpost, ${handler}`, role: 'ours' },
  ];
}
