export { sqliteBackend } from './sqlite.backend.js';
export { SqliteOptions } from './sqlite.options.js';
