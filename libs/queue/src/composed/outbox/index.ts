export {
  type DrizzleDatabase,
  type DrizzleSql,
  fromDrizzle,
  fromKnex,
  fromKysely,
  fromMysql2,
  fromNodeSqlite,
  fromPg,
  fromPrisma,
  fromTypeOrm,
} from './executors.js';
export { Inbox, type InboxOptions } from './inbox.js';
export { OutboxBackend, type OutboxOptions } from './outbox.backend.js';
export { OutboxError } from './outbox.errors.js';
export { inboxSchema, outboxSchema } from './outbox.schema.js';
export type { SqlDialect, SqlExecutor, SqlRow, SqlValue } from './sql-executor.js';
