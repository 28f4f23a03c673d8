import type { MessageState } from '../../backend/inspect.js';
import { BODY } from './postgres.delivery.js';
import { namedStatements, type Statement } from './postgres.session.js';

const NOW = 'statement_timestamp()';
const ALIVE = `(expires_at IS NULL OR expires_at > ${NOW})`;

/** A lease that ran out makes its message ready again; an expired message is gone although its row may not be yet. */
const WHERE: Readonly<Record<MessageState, string>> = {
  ready: `available_at <= ${NOW} AND ${ALIVE}`,
  delayed: `available_at > ${NOW} AND available_at < 'infinity' AND NOT leased AND ${ALIVE}`,
  held: `available_at = 'infinity' AND ${ALIVE}`,
  inflight: `available_at > ${NOW} AND leased`,
  dead: 'true',
};

const SHOWN = `seq, id, topic, key, priority, headers, history, is_text, ${BODY}, published_at`;
const LIVE = `${SHOWN}, deliveries - releases,
  deliveries - failures - releases - (CASE WHEN leased AND available_at > ${NOW} THEN 1 ELSE 0 END), NULL, false`;
const DEAD = `${SHOWN}, attempts, crashes, dead_at, holds`;

/** In the order of publication. */
const browseStatement = (s: string, state: MessageState): string => `
  SELECT ${state === 'dead' ? DEAD : LIVE} FROM ${s}.${state === 'dead' ? 'dead' : 'messages'}
  WHERE subscription_id = $1 AND seq > $2::bigint AND ($3::text IS NULL OR id = $3) AND ${WHERE[state]}
  ORDER BY seq LIMIT $4`;

/** Removes a step of them. Whose turn it was goes on by what follows. */
const purgeStatement = (s: string, state: MessageState): string => {
  const [table, turn] = state === 'dead' ? ['dead', 'holds'] : ['messages', 'line = 2'];
  return `
  DELETE FROM ${s}.${table} WHERE seq IN (
    SELECT seq FROM ${s}.${table}
    WHERE subscription_id = $1 AND ($2::bigint IS NULL OR seq = $2) AND ${WHERE[state]} LIMIT $3 FOR UPDATE)
  RETURNING CASE WHEN ${turn} THEN key END`;
};

function forEach(
  name: string,
  text: (state: MessageState) => string,
): Readonly<Record<MessageState, Statement>> {
  const of = (state: MessageState): Statement => ({ name: `pp_${name}_${state}`, text: text(state) });
  return {
    ready: of('ready'),
    delayed: of('delayed'),
    held: of('held'),
    inflight: of('inflight'),
    dead: of('dead'),
  };
}

/** What operators ask, and do, on the tables of a schema. */
export function inspectStatements(s: string) {
  return {
    browse: forEach('browse', (state) => browseStatement(s, state)),
    purge: forEach('purge', (state) => purgeStatement(s, state)),
    ...namedStatements({
      expire: `
        DELETE FROM ${s}.dead WHERE seq IN (
          SELECT seq FROM ${s}.dead WHERE subscription_id = $1 AND dead_at < $2 AND NOT holds
          LIMIT 500 FOR UPDATE SKIP LOCKED)`,
      // A message that was handed out, or waits for another attempt, is not planned any more.
      cancel: `
        DELETE FROM ${s}.messages
        WHERE subscription_id = $1 AND available_at > ${NOW} AND id = $2 AND ready_at > ${NOW} AND deliveries = 0
          AND NOT leased
        RETURNING topic, CASE WHEN line = 2 THEN key END`,
      cancelForget: `DELETE FROM ${s}.dedup WHERE topic = ANY ($1::text[]) AND id = $2`,
      // deliveries goes on where it was: attempts count from there.
      revive: `
        WITH gone AS (DELETE FROM ${s}.dead WHERE subscription_id = $1 AND seq = $2::bigint AND holds RETURNING *)
        INSERT INTO ${s}.messages (seq, available_at, ready_at, published_at, subscription_id, deliveries, releases,
          priority, line, is_text, id, topic, key, headers, body)
        SELECT seq, ${NOW}, ${NOW}, published_at, subscription_id, deliveries, deliveries, priority, 2, is_text, id, topic,
          key, $3, body
        FROM gone`,
      lineLock: `SELECT ${s}.line_lock($1)`,
      lineNext: `SELECT ${s}.line_next($1, key) FROM unnest($2::text[]) AS key`,
    }),
  };
}
