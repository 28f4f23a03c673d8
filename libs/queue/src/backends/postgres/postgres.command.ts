import { parseArgs } from 'node:util';
import { migrationSql } from './postgres.schema.js';

const HELP = `pigeonpost-postgres --sql [--schema NAME]

Prints the statements that make the tables of the postgres backend, or bring older ones up to this release, in one
transaction. They can be run again: what is done already is left alone. Connects to nothing. For example:

  npx pigeonpost-postgres --sql | psql --set ON_ERROR_STOP=1 postgres://owner@db.internal/shop

  --sql            print the statements
  --schema NAME    where the tables are, as in the options of the backend; default: pigeonpost
  --help
`;

const FLAGS = {
  sql: { type: 'boolean', default: false },
  schema: { type: 'string', default: 'pigeonpost' },
  help: { type: 'boolean', default: false },
} as const;

/** What a command has to say, and whether it worked. */
export interface Said {
  readonly out: string;
  readonly error: string;
  readonly exitCode: 0 | 2;
}

/** @param args as after the name of the command. Never throws. */
export function postgresCommand(args: readonly string[]): Said {
  try {
    const { sql, schema, help } = parseArgs({ args: [...args], options: FLAGS }).values;
    if (help) return { out: HELP, error: '', exitCode: 0 };
    if (!sql) return { out: '', error: HELP, exitCode: 2 };
    return { out: migrationSql({ schema }), error: '', exitCode: 0 };
  } catch (error) {
    return { out: '', error: `${(error as Error).message}\n`, exitCode: 2 };
  }
}
