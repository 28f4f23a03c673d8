import { join } from 'node:path';
import { remote } from '../remote.ts';
import { Pigeonpost } from './pigeonpost.ts';

/** Ours on a file, with its default options: write-ahead log, synchronous FULL. */
export const { contender, ends } = remote('sqlite-pigeonpost', ({ directory }) =>
  Pigeonpost.open('sqlite', { file: join(directory, 'pigeonpost.db') }),
);
