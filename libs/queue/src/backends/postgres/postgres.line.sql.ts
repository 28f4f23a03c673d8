/**
 * The order by key, inside the database, because it needs a lock before it looks and must not hold one while this process
 * is away. `messages.line` of a message in an order is
 *
 *   0  arrived: whose turn it is has not been decided since it was published
 *   1  held: another one of its key goes first
 *   2  it has the turn of its key
 *
 * Publishers write 0 and take no lock, so that a transaction of theirs that lasts keeps nobody waiting. Whoever decides
 * takes the lock of the subscription for the length of one statement.
 *
 * line_up: sweeps what has expired, and decides for what has arrived.
 * line_next: gives the turn of a key to the oldest one that is held. Without a lock: callers have it.
 * line_settle: settles deliveries of an ordered subscription one by one, and answers the places of those that changed
 * something. Kinds: ack, release, retry, dead.
 */
export const LINE_FUNCTIONS = `
CREATE FUNCTION {s}.line_lock(subscription integer) RETURNS void LANGUAGE plpgsql AS $function$
BEGIN
  PERFORM pg_advisory_xact_lock(hashtext('{s}.line'), subscription);
END $function$;

CREATE FUNCTION {s}.line_next(subscription integer, of_key text) RETURNS boolean LANGUAGE plpgsql AS $function$
BEGIN
  UPDATE {s}.messages
  SET line = 2, available_at = greatest(ready_at, statement_timestamp()), ready_at = greatest(ready_at, statement_timestamp())
  WHERE line = 1 AND seq = (
    SELECT seq FROM {s}.messages WHERE subscription_id = subscription AND key = of_key AND line IS NOT NULL
    ORDER BY seq LIMIT 1);
  RETURN FOUND;
END $function$;

CREATE FUNCTION {s}.line_up(subscription integer) RETURNS void LANGUAGE plpgsql AS $function$
DECLARE
  gone record;
  moment timestamptz := statement_timestamp();
BEGIN
  PERFORM {s}.line_lock(subscription);
  FOR gone IN
    DELETE FROM {s}.messages WHERE seq IN (
      SELECT seq FROM {s}.messages
      WHERE subscription_id = subscription AND expires_at <= moment AND (available_at <= moment OR NOT leased) LIMIT 500)
    RETURNING key, line
  LOOP
    IF gone.line = 2 THEN
      PERFORM {s}.line_next(subscription, gone.key);
    END IF;
  END LOOP;
  UPDATE {s}.messages m
  SET line = CASE WHEN decided.has_turn THEN 2 ELSE 1 END,
    available_at = CASE WHEN decided.has_turn THEN ready_at ELSE 'infinity' END
  FROM (
    SELECT a.seq,
      a.seq = (SELECT min(b.seq) FROM {s}.messages b
        WHERE b.subscription_id = subscription AND b.key = a.key AND b.line IS NOT NULL)
      AND NOT EXISTS (SELECT 1 FROM {s}.messages b
        WHERE b.subscription_id = subscription AND b.key = a.key AND b.line = 2)
      AND NOT EXISTS (SELECT 1 FROM {s}.dead d WHERE d.subscription_id = subscription AND d.key = a.key AND d.holds)
      AS has_turn
    FROM {s}.messages a WHERE a.subscription_id = subscription AND a.line = 0
    ORDER BY a.seq LIMIT 10000
  ) decided
  WHERE m.seq = decided.seq;
END $function$;
`;

const LINE_SETTLE = `
CREATE OR REPLACE FUNCTION {s}.line_settle(subscription integer, acts json, on_retry text, on_dead text)
RETURNS SETOF integer LANGUAGE plpgsql AS $function$
DECLARE
  act record;
  done record;
  moment timestamptz := statement_timestamp();
BEGIN
  PERFORM {s}.line_lock(subscription);
  FOR act IN
    SELECT (value->>'at')::integer AS at, value->>'kind' AS kind, (value->>'seq')::bigint AS seq,
      (value->>'{fence}')::bigint AS {fence}, (value->>'delayMs')::float8 AS delay_ms, value->>'history' AS history
    FROM json_array_elements(acts)
  LOOP
    SELECT * INTO done FROM {s}.messages
    WHERE seq = act.seq AND {fence} = act.{fence} AND leased AND available_at > moment FOR UPDATE;
    CONTINUE WHEN NOT FOUND;
    CASE act.kind
      WHEN 'ack' THEN
        DELETE FROM {s}.messages WHERE seq = act.seq;
      WHEN 'release' THEN
        UPDATE {s}.messages SET leased = false, releases = releases + 1,
          available_at = greatest(ready_at, moment + act.delay_ms * interval '1 ms')
        WHERE seq = act.seq;
      WHEN 'retry' THEN
        UPDATE {s}.messages SET leased = false, failures = failures + 1, history = act.history,
          available_at = moment + act.delay_ms * interval '1 ms', ready_at = moment + act.delay_ms * interval '1 ms',
          line = CASE WHEN on_retry = 'block-key' THEN line END
        WHERE seq = act.seq;
      WHEN 'dead' THEN
        DELETE FROM {s}.messages WHERE seq = act.seq;
        INSERT INTO {s}.dead (seq, dead_at, published_at, subscription_id, deliveries, attempts, crashes, priority, holds,
          is_text, id, topic, key, headers, history, body)
        VALUES (done.seq, (extract(epoch FROM moment) * 1000)::bigint, done.published_at, done.subscription_id,
          done.deliveries, done.deliveries - done.releases, done.deliveries - 1 - done.failures - done.releases,
          done.priority, done.line IS NOT NULL AND on_dead = 'hold', done.is_text, done.id, done.topic, done.key,
          done.headers, act.history, done.body);
    END CASE;
    IF done.line IS NOT NULL AND (act.kind = 'ack' OR (act.kind = 'retry' AND on_retry = 'breaks')
      OR (act.kind = 'dead' AND on_dead = 'skip')) THEN
      PERFORM {s}.line_next(subscription, done.key);
    END IF;
    RETURN NEXT act.at;
  END LOOP;
END $function$;
`;

/** `fence`: the column that tells whether a delivery still holds its row; the acts have it by this name. */
export function lineSettleFunction(fence: 'deliveries' | 'token'): string {
  return LINE_SETTLE.replaceAll('{fence}', fence);
}
