import pg from 'pg';
import { postgresBackend } from '@pigeonpost/queue/postgres';
import { BrokerProcess } from '../broker-process.js';
import { brokerUrl, describeWith } from '../broker-url.js';
import { LEASE_MS, OpenedBackends, takeAll } from './opened.js';

const TIMES = { commandTimeoutMs: 1_000, connectTimeoutMs: 1_000, heartbeatMs: 200 } as const;

describeWith('postgres', 'connections of postgres that run out', () => {
  it('of our own pool: every call is answered in time, nothing is stored that was refused, and all goes on', async () => {
    const backends = new OpenedBackends(brokerUrl('postgres'), { poolSize: 2, ...TIMES });
    const backend = await backends.openWith();
    const { clock } = backends.time;
    const receiver = await backend.open({ name: 'work', topics: [], leaseMs: LEASE_MS });
    await backend.publish([backends.message()]);
    const held = await receiver.receive(1, AbortSignal.timeout(10_000));
    const blocker = await backends.client();
    await blocker.query(`BEGIN; LOCK TABLE ${backends.schema}.messages`);
    const startedAt = clock.mono();
    const publishing = Array.from({ length: 8 }, () =>
      backend.publish([backends.message({ topic: 'jobs' })]),
    );
    const settling = receiver.settle(held.map((delivery) => ({ kind: 'ack', delivery })));
    const results = (await Promise.all(publishing)).flat();
    const [settled] = await settling;
    expect(clock.mono() - startedAt).toBeLessThan(2 * TIMES.commandTimeoutMs + backends.time.latestMs);
    expect(settled).toMatchObject({ code: expect.any(String) });
    const refused = results.filter(({ status }) => status === 'refused');
    expect(refused.length).toBeGreaterThanOrEqual(results.length - 1);
    expect(results.map(({ status }) => status)).not.toContain('stored');
    expect(refused.at(-1)).toMatchObject({ error: { code: 'unavailable' } });
    expect(refused.map((each) => each.status === 'refused' && each.error.message).join()).toMatch(
      /raise poolSize/,
    );
    await blocker.query('COMMIT');
    await blocker.end();
    const sent = backends.message();
    expect(await backend.publish([sent])).toEqual([{ status: 'stored', copies: 1 }]);
    expect(await receiver.settle(held.map((delivery) => ({ kind: 'ack', delivery })))).toEqual(['ok']);
    expect(await takeAll(backend, 1)).toEqual([sent.id]);
    expect(backend.status().state).toBe('up');
    await backends.dispose();
  }, 60_000);

  it('of the server: it is refused at the start and waited for later, without a secret, until there are some', async () => {
    const broker = await BrokerProcess.start('postgres', { max_connections: '12' });
    const backends = new OpenedBackends(broker.url, TIMES);
    const options = { url: broker.url, schema: backends.schema, ...TIMES };
    const crowd = new Crowd(broker.url);
    await crowd.fill();
    const opening = postgresBackend.open('events', options, backends.ambient);
    const error: unknown = await opening.catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({
      code: 'postgres_open',
      message: expect.stringContaining('max_connections'),
    });
    expect(`${(error as Error).stack}`).not.toContain(new URL(broker.url).password);
    await crowd.leave();

    const backend = await backends.openWith();
    await crowd.displace('pigeonpost');
    const [result] = await backend.publish([backends.message()]);
    expect(result).toMatchObject({ status: 'refused', error: { code: 'unavailable' } });
    await backends.time.until(() => backend.status().state === 'down', 10_000);
    expect(backend.status().lastError).toMatch(/too many clients|connection slots/);
    expect(JSON.stringify([result, backend.status()])).not.toContain(new URL(broker.url).password);
    await crowd.leave();
    await backends.time.until(() => backend.status().state === 'up', 20_000);
    const sent = backends.message();
    expect((await backend.publish([sent]))[0]?.status).toBe('stored');
    expect(await takeAll(backend, 1)).toEqual([sent.id]);
    await backends.dispose();
    await broker.dispose();
  }, 120_000);
});

/** Clients of others that take every connection that a server has. */
class Crowd {
  #clients: pg.Client[] = [];

  constructor(private readonly url: string) {}

  /** Until the server takes no more. */
  async fill(): Promise<void> {
    for (;;) {
      const client = new pg.Client({ connectionString: this.url, application_name: 'crowd' });
      client.on('error', () => undefined);
      try {
        await client.connect();
      } catch {
        return;
      }
      this.#clients.push(client);
    }
  }

  /** Ends the connections of an application, and takes them. */
  async displace(application: string): Promise<void> {
    await this.fill();
    const [one] = this.#clients;
    const theirs = `FROM pg_stat_activity WHERE application_name = '${application}'`;
    await one?.query(`SELECT pg_terminate_backend(pid) ${theirs}`);
    await this.fill();
  }

  async leave(): Promise<void> {
    await Promise.all(this.#clients.splice(0).map((client) => client.end()));
  }
}
