/**
 * Writes to the store: all operations of a JSON array or none. It answers the new versions, 0 for a delete, or the keys
 * whose condition does not hold, each with what stands there. Writers of one key wait for each other before they look, in the order of their keys.
 */
export const STORE_FUNCTION = `
CREATE FUNCTION {s}.store_write(ops json, OUT versions bigint[], OUT conflicts json) LANGUAGE plpgsql AS $function$
DECLARE
  op record;
  given bigint;
  moment timestamptz := statement_timestamp();
BEGIN
  PERFORM pg_advisory_xact_lock(hashtextextended(locked.key, hashtext('{s}.store')))
  FROM (SELECT DISTINCT value->>'key' COLLATE "C" AS key FROM json_array_elements(ops) ORDER BY 1) locked;
  SELECT json_agg(json_build_array(asked.key, found.value, found.version::text,
    floor(extract(epoch FROM found.expires_at) * 1000))) INTO conflicts
  FROM (SELECT value->>'key' AS key, value->>'if' AS wanted FROM json_array_elements(ops)) asked
  LEFT JOIN {s}.store found ON found.key = asked.key AND (found.expires_at IS NULL OR found.expires_at > moment)
  WHERE asked.wanted IS NOT NULL AND asked.wanted <> COALESCE(found.version::text, 'absent');
  IF conflicts IS NOT NULL THEN
    RETURN;
  END IF;
  DELETE FROM {s}.store WHERE key IN (
    SELECT key FROM {s}.store WHERE expires_at <= moment
    ORDER BY expires_at LIMIT 16 FOR UPDATE SKIP LOCKED);
  FOR op IN SELECT value->>'key' AS key, value->>'value' AS value, (value->>'ttlMs')::float8 AS ttl_ms
    FROM json_array_elements(ops) LOOP
    IF op.value IS NULL THEN
      DELETE FROM {s}.store WHERE key = op.key;
      versions := versions || 0::bigint;
    ELSE
      INSERT INTO {s}.store (key, value, version, expires_at)
      VALUES (op.key, op.value, nextval('{s}.store_version'), moment + op.ttl_ms * interval '1 ms')
      ON CONFLICT (key) DO UPDATE
        SET value = excluded.value, version = excluded.version, expires_at = excluded.expires_at
      RETURNING version INTO given;
      versions := versions || given;
    END IF;
  END LOOP;
END $function$;
`;
