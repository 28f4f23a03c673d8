import { DatabaseSync } from 'node:sqlite';

export interface AppliedDelivery {
  readonly id: string;
  readonly event: string;
  readonly repository: string;
  /** How often it was handed to the projection. */
  readonly seen: number;
}

export interface ActivityCounter {
  readonly repository: string;
  readonly event: string;
  readonly count: number;
}

export interface Projection {
  readonly deliveries: readonly AppliedDelivery[];
  readonly counters: readonly ActivityCounter[];
}

/** What stands in the worker's database. */
export function readProjection(file: string): Projection {
  const db = new DatabaseSync(file, { readOnly: true });
  try {
    const deliveries = db.prepare('SELECT id, event, repository, seen FROM deliveries').all();
    const counters = db.prepare('SELECT repository, event, count FROM activity').all();
    return {
      deliveries: deliveries as unknown as AppliedDelivery[],
      counters: counters as unknown as ActivityCounter[],
    };
  } finally {
    db.close();
  }
}
