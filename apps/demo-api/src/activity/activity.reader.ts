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
    const { DEMO_ACTIVITY_FILE: file } = this.environment;
    if (this.#db === undefined && !existsSync(file)) return [];
    this.#db ??= new DatabaseSync(file, { readOnly: true, timeout: 1_000 });
    return this.#db.prepare(sql).all(limit);
  }
}
