import { namedStatements } from './postgres.session.js';

const NOW = 'statement_timestamp()';
const ALIVE = `(expires_at IS NULL OR expires_at > ${NOW})`;

/** What one range of an index holds: due by now, due later (delayed or leased), waiting behind a key, dead letters. */
export const PARTS = ['due', 'later', 'waiting', 'dead'] as const;
export type Part = (typeof PARTS)[number];

const RANGE: Readonly<Record<Part, string>> = {
  due: `messages WHERE subscription_id = $1 AND available_at <= ${NOW}`,
  later: `messages WHERE subscription_id = $1 AND available_at > ${NOW} AND available_at < 'infinity'`,
  waiting: `messages WHERE subscription_id = $1 AND available_at = 'infinity'`,
  dead: `dead WHERE subscription_id = $1`,
};

/** The first rows of a part, up to $2, the next to be due first, and so what is in flight before what is delayed for long. */
const firstOf = (s: string, part: Part): string => {
  const isDead = part === 'dead';
  return `SELECT ${isDead ? 'seq' : 'leased, expires_at'} FROM ${s}.${RANGE[part]} ORDER BY ${isDead ? 'seq' : 'available_at'} LIMIT $2`;
};

/** Rows seen of each part in their order, then ready, delayed, in flight, held, dead, the oldest age, and what was dropped. */
const depthStatement = (s: string): string => `
  SELECT due.seen, later.seen, waiting.seen, dead.seen, due.ready, later.delayed, later.inflight, waiting.held, dead.seen,
    (SELECT greatest(0, extract(epoch FROM ${NOW}) * 1000 - published_at) FROM ${s}.${RANGE.due} AND ${ALIVE}
      ORDER BY available_at LIMIT 1),
    (SELECT dropped FROM ${s}.subscriptions WHERE id = $1 AND bounds IS NOT NULL)
  FROM
    (SELECT count(*) AS seen, count(*) FILTER (WHERE ${ALIVE}) AS ready FROM (${firstOf(s, 'due')}) rows) due,
    (SELECT count(*) AS seen, count(*) FILTER (WHERE NOT leased AND ${ALIVE}) AS delayed,
      count(*) FILTER (WHERE leased) AS inflight FROM (${firstOf(s, 'later')}) rows) later,
    (SELECT count(*) AS seen, count(*) FILTER (WHERE ${ALIVE}) AS held FROM (${firstOf(s, 'waiting')}) rows) waiting,
    (SELECT count(*) AS seen FROM (${firstOf(s, 'dead')}) rows) dead`;

/** What the server takes a part to hold, by the statistics of its last ANALYZE; reads no row. */
const estimate = (s: string, part: Part) => ({
  name: `pp_estimate_${part}`,
  text: `EXPLAIN (FORMAT JSON) SELECT 1 FROM ${s}.${RANGE[part]}`,
});

export function depthStatements(s: string) {
  return {
    ...namedStatements({ depth: depthStatement(s) }),
    estimate: {
      due: estimate(s, 'due'),
      later: estimate(s, 'later'),
      waiting: estimate(s, 'waiting'),
      dead: estimate(s, 'dead'),
    },
  };
}
