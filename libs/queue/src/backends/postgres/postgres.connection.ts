import type { Client, ClientConfig } from 'pg';
import type { ResolvedPostgresOptions } from './postgres.options.js';
import { isRefusal, PostgresConnectionError } from './postgres.errors.js';
import type { Answer, Row, Session, Statement, Value } from './postgres.session.js';

export type PostgresDriver = new (config: ClientConfig) => Client;

/**
 * Plans are made once, when the tables may be empty, and used when they are not: a scan of all rows must not look cheap
 * then. With scans forbidden by their price, compiling the plan would look worth its while, which it never is.
 */
const PLANNER = ['seqscan', 'bitmapscan', 'hashjoin', 'mergejoin'].map((way) => `SET enable_${way} = off`);

/** One connection. Never throws by itself: whoever runs a statement gets the error, and `onEnd` tells of the end. */
export class PostgresConnection implements Session {
  readonly #client: Client;
  readonly #isPrepared: boolean;
  #ended: Error | undefined;
  #told: (() => void) | undefined;

  private constructor(client: Client, options: ResolvedPostgresOptions) {
    this.#client = client;
    this.#isPrepared = options.pooler === 'none';
    client.on('error', (error) => this.#end(error));
    client.on('end', () => this.#end(new PostgresConnectionError('the connection was closed')));
  }

  /** Rejects with an error of the driver. */
  static async open(driver: PostgresDriver, options: ResolvedPostgresOptions): Promise<PostgresConnection> {
    const client = new driver(clientConfig(options));
    const connection = new PostgresConnection(client, options);
    try {
      await client.connect();
      if (connection.#isPrepared) await client.query(sessionSettings(options));
      return connection;
    } catch (error) {
      connection.destroy();
      throw error;
    }
  }

  /** Calls once when it can be used no more, also when that is so already. */
  onEnd(told: () => void): void {
    if (this.isUsable) this.#told = told;
    else told();
  }

  #end(error: Error): void {
    if (this.#ended !== undefined) return;
    this.#ended = error;
    this.#told?.();
  }

  get isUsable(): boolean {
    return this.#ended === undefined;
  }

  /** Rejects with an error of the driver. After anything but a refusal by the server the connection is gone. */
  async run({ name, text }: Statement, values: readonly Value[]): Promise<Answer> {
    const plan = this.#isPrepared ? { name, text } : { text };
    try {
      const result = await this.#client.query<(string | null)[]>({
        ...plan,
        values: values as unknown[],
        rowMode: 'array',
      });
      return { rows: result.rows as readonly Row[], count: result.rowCount ?? 0 };
    } catch (error) {
      if (!isRefusal(error)) this.destroy();
      throw error;
    }
  }

  /** A statement without values or answer, or several of them. */
  async command(text: string): Promise<void> {
    try {
      await this.#client.query(text);
    } catch (error) {
      if (!isRefusal(error)) this.destroy();
      throw error;
    }
  }

  /** What others tell; our own words are not heard. */
  onNotification(heard: (payload: string) => void): void {
    const { processID } = this.#client as unknown as { processID: number };
    this.#client.on('notification', ({ processId, payload }) => {
      if (processId !== processID) heard(payload ?? '');
    });
  }

  /** What runs fails at once; nothing is waited for. */
  destroy(): void {
    this.#end(new PostgresConnectionError('the connection was given up'));
    const { connection } = this.#client as unknown as { connection: { stream: { destroy(): void } } };
    connection.stream.destroy();
  }

  /** Says goodbye. */
  async close(): Promise<void> {
    this.#end(new PostgresConnectionError('the connection was closed'));
    await this.#client.end().catch(() => undefined);
  }
}

function clientConfig(options: ResolvedPostgresOptions): ClientConfig {
  const { url, tls, connection, connectTimeoutMs, commandTimeoutMs } = options;
  return {
    application_name: 'pigeonpost',
    ...connection,
    ...(url !== undefined && { connectionString: url }),
    ...(tls !== undefined && { ssl: tls }),
    keepAlive: true,
    connectionTimeoutMillis: connectTimeoutMs,
    query_timeout: commandTimeoutMs,
    types: { getTypeParser: () => asWritten },
  } as ClientConfig;
}

/** The server gives up a little before we do, so that its answer is a certain one. */
function sessionSettings({ commandTimeoutMs }: ResolvedPostgresOptions): string {
  const statementMs = Math.floor(commandTimeoutMs * 0.9);
  const times = [
    `SET statement_timeout = ${statementMs}`,
    `SET idle_in_transaction_session_timeout = ${commandTimeoutMs}`,
  ];
  return [...times, 'SET jit = off', ...PLANNER].join('; ');
}

function asWritten(text: string): string {
  return text;
}
