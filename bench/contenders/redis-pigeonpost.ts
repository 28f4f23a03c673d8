import { brokerOf } from '../contender.ts';
import { remote } from '../remote.ts';
import { Pigeonpost } from './pigeonpost.ts';

/** Ours on Redis, with its default options. */
export const { contender, ends } = remote('redis-pigeonpost', (load) =>
  Pigeonpost.open('redis', { url: brokerOf(load).url, prefix: brokerOf(load).name }),
);
