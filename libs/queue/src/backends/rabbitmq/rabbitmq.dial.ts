import type { ChannelModel, Options } from 'amqplib';
import type { Clock } from '../../ambient/clock.js';
import { loadDriver } from '../../backend/load-driver.js';
import type { ResolvedRabbitmqOptions } from './rabbitmq.options.js';
import { RabbitTimeoutError } from './rabbitmq.errors.js';

/** Makes one connection. `role` is shown to operators beside it. */
export type Dial = (role: string) => Promise<ChannelModel>;

/** The driver and the server each look after two to three intervals, counted in whole seconds. */
const INTERVALS_UNTIL_NOTICED = 3;

/** Loads the driver once. Throws MissingDriverError. */
export async function dialer(backend: string, options: ResolvedRabbitmqOptions, clock: Clock): Promise<Dial> {
  const { connect } = await loadDriver('amqplib', () => import('amqplib'));
  const { connectTimeoutMs, tls } = options;
  const address = addressOf(options);
  return (role) => {
    const clientProperties = { connection_name: `${backend} (pigeonpost, ${role})` };
    const socket = { ...tls, noDelay: true, timeout: connectTimeoutMs, clientProperties };
    return within(clock, connectTimeoutMs, connect(address, socket));
  };
}

/** What the URL says, without the URL: nothing that is logged by mistake holds all of it. */
export function addressOf({ url, heartbeatMs }: ResolvedRabbitmqOptions): Options.Connect {
  const { protocol, hostname, port, username, password, pathname } = new URL(url);
  const isAnonymous = username === '' && password === '';
  return {
    protocol: protocol.slice(0, -1),
    hostname: hostname.replace(/^\[|\]$/g, ''),
    ...(port !== '' && { port: Number(port) }),
    ...(!isAnonymous && { username: decodeURIComponent(username), password: decodeURIComponent(password) }),
    ...(pathname.length > 1 && { vhost: pathname.slice(1) }),
    heartbeat: Math.max(1, Math.floor((2 * heartbeatMs) / INTERVALS_UNTIL_NOTICED / 1_000)),
  };
}

/** One that comes too late is closed. */
async function within(clock: Clock, ms: number, dialing: Promise<ChannelModel>): Promise<ChannelModel> {
  let isLate = false;
  const late = new Promise<never>((_resolve, reject) => {
    const cancel = clock.timer(ms, () => {
      isLate = true;
      reject(new RabbitTimeoutError(ms));
    });
    void dialing.then(cancel, cancel);
  });
  void dialing.then(
    (model) => (isLate ? drop(model) : undefined),
    () => undefined,
  );
  return Promise.race([dialing, late]);
}

/** Ends a connection that nobody answers on: the driver alone would leave its socket half open. */
export function drop(model: ChannelModel): void {
  const { stream } = model.connection as { readonly stream?: { destroy?: () => void } };
  model.on('error', ignore);
  stream?.destroy?.();
}

/** For errors that are told in another way too. */
export function ignore(): void {}
