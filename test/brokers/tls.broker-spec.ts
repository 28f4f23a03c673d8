import { execFile } from 'node:child_process';
import { chown, mkdtemp, readFile, rm, stat } from 'node:fs/promises';
import { connect as connectPlain } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createServer, type Server } from 'node:tls';
import { promisify } from 'node:util';
import pg from 'pg';
import { type Backend, Bus, QueueError, systemAmbient } from '@pigeonpost/queue';
import { postgresBackend } from '@pigeonpost/queue/postgres';
import { rabbitmqBackend } from '@pigeonpost/queue/rabbitmq';
import { redisBackend } from '@pigeonpost/queue/redis';
import { BROKER_PASSWORD } from './broker-kind.js';
import { BrokerProcess } from './broker-process.js';
import { describeWithOwn } from './broker-url.js';

const exec = promisify(execFile);
const CLOSE_WITHIN_MS = 2_000;
/** Of the start of a broker, and of one that must be told the certificate. */
const START_MS = 60_000;

interface Certificate {
  readonly folder: string;
  readonly cert: string;
  readonly key: string;
}

/** A server's, signed by itself. */
async function makeCertificate(): Promise<Certificate> {
  const folder = await mkdtemp(join(tmpdir(), 'pigeonpost-tls-'));
  const [cert, key] = [join(folder, 'server.crt'), join(folder, 'server.key')];
  const made = ['-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2'];
  const name = ['-subj', '/CN=127.0.0.1', '-addext', 'subjectAltName=IP:127.0.0.1'];
  await exec('openssl', ['req', ...made, ...name, '-keyout', key, '-out', cert]);
  return { folder, cert, key };
}

/** Speaks TLS in front of a server that does not. */
class TlsDoor {
  readonly #server: Server;

  private constructor(server: Server) {
    this.#server = server;
  }

  static async open({ cert, key }: Certificate, toPort: number): Promise<TlsDoor> {
    const options = { cert: await readFile(cert), key: await readFile(key) };
    const server = createServer(options, (socket) => {
      const inner = connectPlain(toPort, '127.0.0.1');
      const end = (): void => void [socket, inner].map((each) => each.destroy());
      for (const each of [socket, inner]) each.on('error', end).on('close', end);
      socket.pipe(inner).pipe(socket);
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    return new TlsDoor(server);
  }

  /** The address behind it, over TLS. */
  url(plain: string, scheme: string): string {
    const url = new URL(plain.replace(/^\w+:/, `${scheme}:`));
    const address = this.#server.address();
    if (address !== null && typeof address === 'object') url.port = String(address.port);
    return url.href;
  }

  close(): void {
    this.#server.close();
  }
}

/** PostgreSQL asks for TLS in its own words, so no door will do. */
async function teach(broker: BrokerProcess, { folder, cert, key }: Certificate): Promise<void> {
  const { uid, gid } = await stat(broker.folder);
  for (const file of [folder, cert, key]) await chown(file, uid, gid);
  const client = new pg.Client({ connectionString: broker.url });
  await client.connect();
  await client.query(`ALTER SYSTEM SET ssl_cert_file = '${cert}'`);
  await client.query(`ALTER SYSTEM SET ssl_key_file = '${key}'`);
  await client.query('ALTER SYSTEM SET ssl = on');
  await client.query('SELECT pg_reload_conf()');
  await client.end();
}

const open = {
  postgres: (url: string, tls: object) => postgresBackend.open('main', { url, tls }, systemAmbient),
  redis: (url: string, tls: object) => redisBackend.open('main', { url, tls }, systemAmbient),
  rabbitmq: (url: string, tls: object) =>
    rabbitmqBackend.open('main', { url, tls: { ...tls } }, systemAmbient),
};

describe.each([
  ['postgres', 'postgres'],
  ['redis', 'rediss'],
  ['rabbitmq', 'amqps'],
] as const)('%s over TLS', (driver, scheme) => {
  describeWithOwn(driver, 'with a certificate of one’s own authority', () => {
    let broker: BrokerProcess;
    let certificate: Certificate;
    let door: TlsDoor | undefined;
    let url: string;

    beforeAll(async () => {
      [broker, certificate] = await Promise.all([BrokerProcess.start(driver), makeCertificate()]);
      if (driver === 'postgres') await teach(broker, certificate);
      else door = await TlsDoor.open(certificate, broker.port);
      url = door?.url(broker.url, scheme) ?? broker.url;
    }, START_MS);

    afterAll(async () => {
      door?.close();
      await broker.dispose();
      await rm(certificate.folder, { recursive: true });
    });

    it('brings a message to who trusts it', async () => {
      const { backend } = await open[driver](url, { ca: await readFile(certificate.cert) });
      await backend.ensure({ subscriptions: [{ name: 'work', topics: ['jobs'] }] }, 'create');
      const bus = new Bus({ backend, source: 'urn:test', ambient: systemAmbient });
      await bus.publish('jobs', 'sealed', { id: 'sealed' });
      expect(await take(backend)).toEqual(['sealed']);
      await bus.close();
      await backend.close(new Date(Date.now() + CLOSE_WITHIN_MS));
    }, 30_000);

    it('is refused by who does not, soon, and without a secret', async () => {
      const error: unknown = await open[driver](url, {}).catch((thrown: unknown) => thrown);
      expect(error).toBeInstanceOf(QueueError);
      expect((error as QueueError).message).toMatch(/certificate/);
      for (let cause = error; cause instanceof Error; cause = cause.cause) {
        const shown = `${cause.message} ${cause.stack ?? ''} ${JSON.stringify(cause)}`;
        expect(shown).not.toContain(BROKER_PASSWORD);
      }
    }, 30_000);
  });
});

async function take(backend: Backend): Promise<readonly string[]> {
  const receiver = await backend.open({ name: 'work', topics: ['jobs'], leaseMs: 30_000 });
  const deliveries = await receiver.receive(1, AbortSignal.timeout(10_000));
  await receiver.settle(deliveries.map((delivery) => ({ kind: 'ack', delivery })));
  await receiver.close();
  return deliveries.map(({ id }) => id);
}
