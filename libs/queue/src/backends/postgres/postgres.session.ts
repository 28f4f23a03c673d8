/** A statement by a name that stands for its text: prepared once per connection where the session allows it. */
export interface Statement {
  readonly name: string;
  readonly text: string;
}

export type Value = string | number | null | Uint8Array;

/** Columns as the server writes them. */
export type Row = readonly (string | null)[];

export interface Answer {
  readonly rows: readonly Row[];
  /** Rows that were changed, or read. */
  readonly count: number;
}

/** What runs statements one after the other: a connection, a transaction of ours, or one of a caller's. */
export interface Session {
  run(statement: Statement, values: readonly Value[]): Promise<Answer>;
  /** Statements without values or answer. */
  command(text: string): Promise<void>;
}

/** Gives each text the name of its place in the record. */
export function namedStatements<Names extends string>(
  texts: Readonly<Record<Names, string>>,
): Readonly<Record<Names, Statement>> {
  const entries = Object.entries<string>(texts).map(
    ([name, text]) => [name, { name: `pp_${name}`, text }] as const,
  );
  return Object.fromEntries(entries) as Record<Names, Statement>;
}
