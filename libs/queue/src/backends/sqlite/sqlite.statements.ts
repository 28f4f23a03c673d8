import type { DatabaseSync, StatementSync } from 'node:sqlite';

/** Prepared statements under the names of their texts. */
export type Statements<Texts> = Readonly<Record<keyof Texts, StatementSync>>;

/** Prepares each text once. Throws what node:sqlite throws when a table is missing. */
export function prepareAll<Texts extends Readonly<Record<string, string>>>(
  db: DatabaseSync,
  texts: Texts,
): Statements<Texts> {
  const entries = Object.entries(texts).map(([name, text]) => [name, db.prepare(text)] as const);
  return Object.fromEntries(entries) as Statements<Texts>;
}
