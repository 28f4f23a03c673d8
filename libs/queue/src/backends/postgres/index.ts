export { postgresBackend } from './postgres.backend.js';
export { PostgresOptions } from './postgres.options.js';
export { migrationSql } from './postgres.schema.js';
