import { connect } from 'amqplib';

/** As many levels of delay as tests need. */
const LEVELS = 20;

/** Removes everything that a backend with this prefix has left on a broker that others use too. */
export async function removeQueues(
  url: string,
  prefix: string,
  subscriptions: Iterable<string>,
): Promise<void> {
  const model = await connect(url);
  const channel = await model.createChannel();
  for (const name of subscriptions) {
    await channel.deleteQueue(`${prefix}.lane.${name}`);
    await channel.deleteQueue(`${prefix}.dead.${name}`);
  }
  const levels = Array.from({ length: LEVELS }, (_, level) => `${prefix}.delay.${level}`);
  const both = [...levels, `${prefix}.undelivered`];
  for (const name of [...both, `${prefix}.catalogue`]) await channel.deleteQueue(name);
  for (const name of [...both, `${prefix}.topics`, `${prefix}.due`]) await channel.deleteExchange(name);
  await model.close();
}
