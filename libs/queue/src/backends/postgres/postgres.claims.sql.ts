import { BODY, CLAIM_COLUMNS } from './postgres.delivery.js';
import { namedStatements } from './postgres.session.js';

const NOW = 'statement_timestamp()';

/** True while the delivery's lease is the last one of its row, and runs. */
const FENCE = `m.seq = act.seq AND m.token = act.token AND m.leased AND m.available_at > ${NOW}`;

const acknowledge = (s: string): string => `
  DELETE FROM ${s}.messages m USING unnest($1::bigint[], $2::bigint[]) AS act (seq, token)
  WHERE ${FENCE} RETURNING m.seq`;

/** Parameters of a claim, by their places. */
interface Places {
  readonly subscription: string;
  readonly max: string;
  readonly leaseMs: string;
  readonly token: string;
  readonly from: string;
}

const ALONE: Places = {
  subscription: '$1',
  max: '$2::integer',
  leaseMs: '$3::float8',
  token: '$4::bigint',
  from: '$5::timestamptz',
};
const AFTER_ACKS: Places = {
  subscription: '$3',
  max: '$4::integer',
  leaseMs: '$5::float8',
  token: '$6::bigint',
  from: '$7::timestamptz',
};

/** Levels are looked through only while there is any message with a priority. */
const urgent = (s: string, { subscription, max }: Places): string => `
  SELECT found.seq, found.available_at, found.priority
  FROM generate_series(9, 1, -1) AS level CROSS JOIN LATERAL (
    SELECT seq, available_at, priority FROM ${s}.messages
    WHERE subscription_id = ${subscription} AND priority = level AND available_at <= ${NOW}
      AND (expires_at IS NULL OR expires_at > ${NOW})
    ORDER BY available_at, seq LIMIT ${max} FOR UPDATE SKIP LOCKED) found
  WHERE EXISTS (SELECT 1 FROM ${s}.messages WHERE subscription_id = ${subscription} AND priority IS NOT NULL)
  LIMIT ${max}`;

const plain = (s: string, { subscription, max, from }: Places): string => `
  SELECT seq, available_at, 0 AS priority FROM ${s}.messages
  WHERE subscription_id = ${subscription} AND available_at >= ${from} AND available_at <= ${NOW} AND priority IS NULL
    AND (expires_at IS NULL OR expires_at > ${NOW})
  ORDER BY available_at, seq LIMIT ${max} - (SELECT count(*) FROM urgent) FOR UPDATE SKIP LOCKED`;

/** Only what a delivery is made of: everything here is carried through the rest of the statement. */
const take = (s: string, { leaseMs, token }: Places): string => `
  UPDATE ${s}.messages m
  SET leased = true, token = ${token}, deliveries = m.deliveries + 1, available_at = ${NOW} + ${leaseMs} * interval '1 ms'
  FROM (
    SELECT seq, row_number() OVER () AS place FROM (SELECT seq FROM urgent UNION ALL SELECT seq FROM plain) AS found
  ) AS picked
  WHERE m.seq = picked.seq
  RETURNING ${CLAIM_COLUMNS.map((column) => (column === 'seq' ? 'm.seq' : column)).join(', ')}, ${BODY}, picked.place`;

/** In how many ms the next message will be ready. */
const nextDue = (s: string, { subscription }: Places): string => `
  SELECT extract(epoch FROM available_at - ${NOW}) * 1000 FROM ${s}.messages
  WHERE subscription_id = ${subscription} AND available_at > ${NOW} AND available_at < 'infinity'
  ORDER BY available_at LIMIT 1`;

/**
 * What is ready, by priority, oldest first, at the same price whatever lies there; in any order, each with its place. The
 * first row of the answer tells instead what was acknowledged and, when nothing was taken, in how many ms the next one is
 * due, and whether the subscription has an order by now; and when the oldest one without a priority became ready.
 */
const claim = (s: string, places: Places, acked: string): string => `
  urgent AS MATERIALIZED (${urgent(s, places)}),
  plain AS MATERIALIZED (${plain(s, places)}),
  taken AS (${take(s, places)})
  SELECT ${CLAIM_COLUMNS.map(() => 'NULL').join(', ')}, NULL, NULL, ${acked}, told.next_ms, told.ordered,
    (SELECT min(available_at)::text FROM plain)
  FROM (SELECT 1) AS one LEFT JOIN LATERAL (
    SELECT (${nextDue(s, places)}) AS next_ms,
      (SELECT ordered FROM ${s}.subscriptions WHERE id = ${places.subscription}) AS ordered
    WHERE NOT EXISTS (SELECT 1 FROM taken)) AS told ON true
  UNION ALL
  SELECT taken.*, NULL, NULL, NULL, NULL FROM taken`;

const DEAD_COLUMNS =
  'seq, published_at, subscription_id, deliveries, priority, is_text, id, topic, key, headers, body';

/** The statements of a receiver on the tables of a schema. Each but the claims answers what it changed. */
export function claimStatements(s: string) {
  const acts = (more: string, columns: string): string =>
    `unnest($1::bigint[], $2::bigint[], ${more}) AS act (seq, token, ${columns})`;
  return namedStatements({
    claim: `WITH ${claim(s, ALONE, 'NULL')}`,
    ackAndClaim: `WITH acked AS (${acknowledge(s)}),
      ${claim(s, AFTER_ACKS, `(SELECT string_agg(seq::text, ',') FROM acked)`)}`,
    ack: acknowledge(s),
    release: `
      UPDATE ${s}.messages m
      SET leased = false, releases = m.releases + 1,
        available_at = greatest(m.ready_at, ${NOW} + act.delay_ms * interval '1 ms')
      FROM ${acts('$3::float8[]', 'delay_ms')} WHERE ${FENCE} RETURNING m.seq`,
    retry: `
      UPDATE ${s}.messages m
      SET leased = false, failures = m.failures + 1, history = act.history,
        available_at = ${NOW} + act.delay_ms * interval '1 ms', ready_at = ${NOW} + act.delay_ms * interval '1 ms'
      FROM ${acts('$3::float8[], $4::text[]', 'delay_ms, history')} WHERE ${FENCE} RETURNING m.seq`,
    extend: `
      UPDATE ${s}.messages m SET available_at = ${NOW} + act.lease_ms * interval '1 ms'
      FROM ${acts('$3::float8[]', 'lease_ms')} WHERE ${FENCE} RETURNING m.seq`,
    dead: `
      WITH gone AS (
        DELETE FROM ${s}.messages m USING ${acts('$3::text[]', 'new_history')} WHERE ${FENCE}
        RETURNING m.*, act.new_history)
      INSERT INTO ${s}.dead (${DEAD_COLUMNS}, dead_at, attempts, crashes, history)
      SELECT ${DEAD_COLUMNS}, floor(extract(epoch FROM ${NOW}) * 1000), deliveries - releases,
        deliveries - 1 - failures - releases, new_history
      FROM gone RETURNING seq`,
    sweep: `
      DELETE FROM ${s}.messages WHERE seq IN (
        SELECT seq FROM ${s}.messages
        WHERE subscription_id = $1 AND expires_at <= ${NOW} AND (available_at <= ${NOW} OR NOT leased)
        LIMIT 500 FOR UPDATE SKIP LOCKED)`,
    lineUp: `SELECT ${s}.line_up($1)`,
    lineSettle: `SELECT ${s}.line_settle($1, $2, $3, $4)`,
  });
}
