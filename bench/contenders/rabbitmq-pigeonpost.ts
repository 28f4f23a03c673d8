import { brokerOf } from '../contender.ts';
import { remote } from '../remote.ts';
import { Pigeonpost } from './pigeonpost.ts';

/** Ours on RabbitMQ, with its default options. */
export const { contender, ends } = remote('rabbitmq-pigeonpost', (load) =>
  Pigeonpost.open('rabbitmq', { url: brokerOf(load).url, prefix: brokerOf(load).name }),
);
