import { brokerOf } from '../contender.ts';
import { remote } from '../remote.ts';
import { Pigeonpost } from './pigeonpost.ts';

/** Ours on PostgreSQL, with its default options. */
export const { contender, ends } = remote('postgres-pigeonpost', (load) =>
  Pigeonpost.open('postgres', { url: brokerOf(load).url }),
);
