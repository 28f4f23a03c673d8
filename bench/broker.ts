import { connect } from 'amqplib';
import { Redis } from 'ioredis';
import pg from 'pg';
import type { BrokerName } from '../test/brokers/broker-name.ts';
import { BrokerProcess } from '../test/brokers/broker-process.ts';
import type { BrokerPlace } from './contender.ts';

/** What the tests do without, and a bench must not: what is stored reaches the disk. */
const SETTINGS: Readonly<Record<BrokerName, Readonly<Record<string, string>>>> = {
  postgres: { fsync: 'on', synchronous_commit: 'on' },
  redis: { appendonly: 'yes', appendfsync: 'everysec' },
  rabbitmq: {},
};

/** A broker of the bench's own, and places on it that measurements do not share. */
export class BenchBroker {
  readonly #process: BrokerProcess;
  readonly #pid: number;
  #places = 0;

  private constructor(started: BrokerProcess, pid: number) {
    this.#process = started;
    this.#pid = pid;
  }

  /** Throws BrokerMissingError. */
  static async start(name: BrokerName): Promise<BenchBroker> {
    const started = await BrokerProcess.start(name, SETTINGS[name]);
    const [pid = 0] = await started.pids();
    return new BenchBroker(started, pid);
  }

  /** An empty place for one measurement. */
  async open(): Promise<BrokerPlace> {
    const name = `bench${++this.#places}`;
    const url = new URL(this.#process.url);
    if (this.#process.name === 'postgres') {
      await this.#sql(`CREATE DATABASE ${name}`);
      url.pathname = name;
    }
    return { url: url.href, name, pid: this.#pid };
  }

  /** Removes what the measurement has left. */
  async clear({ name }: BrokerPlace): Promise<void> {
    if (this.#process.name === 'postgres') await this.#sql(`DROP DATABASE ${name} WITH (FORCE)`);
    if (this.#process.name === 'redis') await flushRedis(this.#process.url);
    if (this.#process.name === 'rabbitmq') await deleteQueue(this.#process.url, name);
  }

  async stop(): Promise<void> {
    await this.#process.dispose();
  }

  async #sql(text: string): Promise<void> {
    const client = new pg.Client(this.#process.url);
    await client.connect();
    await client.query(text);
    await client.end();
  }
}

async function flushRedis(url: string): Promise<void> {
  const redis = new Redis(url);
  await redis.flushall();
  redis.disconnect();
}

/** What ours adds beyond it is empty, and costs the next one nothing. */
async function deleteQueue(url: string, name: string): Promise<void> {
  const connection = await connect(url);
  const channel = await connection.createChannel();
  await channel.deleteQueue(name);
  await connection.close();
}
