import { type Redact, redactorOf } from '../../backend/redactor.js';
import { PostgresConnection } from './postgres.connection.js';
import { openError, PostgresOpenError } from './postgres.errors.js';
import type { ResolvedPostgresOptions } from './postgres.options.js';
import type { PoolSetup } from './postgres.pool.js';
import type { Row } from './postgres.session.js';

const OLDEST_VERSION = 130_000;
const ABOUT = {
  name: 'pp_about',
  text: `SELECT current_setting('server_version_num'), current_setting('server_encoding'), pg_is_in_recovery()`,
};

/** Hides the password of the url and of the options wherever it would be shown. */
export function secretsOf({ url, connection }: ResolvedPostgresOptions): Redact {
  const password = connection?.['password'];
  return redactorOf([...passwordsIn(url), typeof password === 'string' ? password : undefined]);
}

/** Before the host, or among the parameters. */
function passwordsIn(url = ''): readonly (string | undefined)[] {
  const [, before] = /^[a-z]+:\/\/[^\s/?#]*?:([^\s/?#]*)@/.exec(url) ?? [];
  const [, among] = /[?&]password=([^&#]*)/.exec(url) ?? [];
  return [before, among];
}

/** The first connection. Rejects, within the time to connect, with the reason why the server cannot be used. */
export async function openChecked(setup: PoolSetup): Promise<PostgresConnection> {
  const { backend, driver, options, redact } = setup;
  try {
    const connection = await PostgresConnection.open(driver, options);
    const { rows } = await connection.run(ABOUT, []);
    const objection = unsuitable(backend, rows[0] ?? []);
    if (objection === undefined) return connection;
    connection.destroy();
    throw objection;
  } catch (error) {
    throw openError(backend, error, redact);
  }
}

function unsuitable(backend: string, [version, encoding, isStandby]: Row): PostgresOpenError | undefined {
  if (Number(version) < OLDEST_VERSION) {
    const found = Math.floor(Number(version) / 10_000);
    return new PostgresOpenError(backend, `it is version ${found}`, 'use version 13 or later');
  }
  if (encoding !== 'UTF8') {
    return new PostgresOpenError(
      backend,
      `the database has the encoding ${encoding}`,
      'use a database in UTF8',
    );
  }
  if (isStandby !== 't') return undefined;
  return new PostgresOpenError(backend, 'it is a standby, which takes no writes', 'connect to the primary');
}
