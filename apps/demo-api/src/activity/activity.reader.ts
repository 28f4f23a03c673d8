import { existsSync } from 'node:fs';
import { DatabaseSync } from 'node:sqlite';
import { Injectable, type OnApplicationShutdown } from '@nestjs/common';
import { ApiEnvironment } from '../api.environment.js';

export interface ActivityCount {
  readonly repository: string;
  readonly event: string;
  readonly count: number;
}

export interface RecentDelivery {
  readonly id: string;
  readonly event: string;
  readonly repository: string;
  readonly action: string | null;
  readonly sender: string | null;
  /** ms since the epoch. */
  readonly appliedAt: number;
}

const TABLE = "SELECT 1 FROM sqlite_schema WHERE name = 'activity'";
const COUNTS = 'SELECT repository, event, count FROM activity ORDER BY count DESC, repository, event LIMIT ?';
const NEWEST = `
  SELECT id, event, repository, action, sender, applied_at AS appliedAt
  FROM deliveries ORDER BY applied_at DESC, id LIMIT ?
`;

/** Reads the worker's projection, and never writes it. Before the worker has first run there is nothing to read. */
@Injectable()
export class ActivityReader implements OnApplicationShutdown {
  #db: DatabaseSync | undefined;

  constructor(private readonly environment: ApiEnvironment) {}

  counts(limit: number): ActivityCount[] {
    return this.#rows(COUNTS, limit) as ActivityCount[];
  }

  newest(limit: number): RecentDelivery[] {
    return this.#rows(NEWEST, limit) as RecentDelivery[];
  }

  onApplicationShutdown(): void {
    this.#db?.close();
  }

  #rows(sql: string, limit: number): unknown[] {
    this.#db ??= this.#open();
    return this.#db?.prepare(sql).all(limit) ?? [];
  }

  /** undefined: the worker has not made its tables yet. */
  #open(): DatabaseSync | undefined {
    const { DEMO_ACTIVITY_FILE: file } = this.environment;
    if (!existsSync(file)) return undefined;
    const db = new DatabaseSync(file, { readOnly: true, timeout: 1_000 });
    if (db.prepare(TABLE).get() !== undefined) return db;
    db.close();
    return undefined;
  }
}
