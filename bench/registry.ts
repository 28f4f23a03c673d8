import type { HandlerShape, Phase } from './contender.ts';

export type BackendName = 'memory' | 'sqlite' | 'nest';
/** `limit` and `peer` are what the others are compared with; at most one of each in a phase. */
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
  /** Of the messages of a cell, how many it gets, so that a slow one takes no longer than the others. */
  readonly share?: number;
}

export const ENTRIES: readonly Entry[] = [
  {
    file: 'memory-direct',
    backend: 'memory',
    name: 'direct await',
    role: 'reference',
    phases: ['publish+handle'],
  },
  {
    file: 'memory-ring',
    backend: 'memory',
    name: 'promise queue',
    role: 'limit',
    phases: ['publish', 'consume', 'publish+handle'],
  },
  {
    file: 'memory-fastq',
    backend: 'memory',
    name: 'fastq.promise',
    role: 'peer',
    phases: ['publish+handle'],
  },
  {
    file: 'memory-pigeonpost',
    backend: 'memory',
    name: 'pigeonpost',
    role: 'ours',
    phases: ['publish', 'consume', 'publish+handle'],
  },
  {
    file: 'sqlite-raw',
    backend: 'sqlite',
    name: 'node:sqlite',
    role: 'limit',
    phases: ['publish', 'consume', 'latency'],
    serial: true,
  },
  {
    file: 'sqlite-plainjob',
    backend: 'sqlite',
    name: 'plainjob',
    role: 'peer',
    phases: ['publish', 'consume'],
    serial: true,
    share: 0.05,
  },
  {
    file: 'sqlite-pigeonpost',
    backend: 'sqlite',
    name: 'pigeonpost',
    role: 'ours',
    phases: ['publish', 'consume', 'latency'],
  },
  { file: 'nest-direct', backend: 'nest', name: 'direct call', role: 'limit', phases: ['dispatch'] },
  ...dispatching('bare'),
  ...dispatching('guard + pipe'),
  ...dispatching('guard + pipe + interceptor'),
];

function dispatching(handler: HandlerShape): readonly Entry[] {
  const entry = { backend: 'nest', phases: ['dispatch'], handler } as const;
  return [
    { ...entry, file: 'nest-external-context', name: `ExternalContextCreator, ${handler}`, role: 'peer' },
    { ...entry, file: 'nest-pigeonpost', name: `pigeonpost, ${handler}`, role: 'ours' },
  ];
}
