import { namedStatements } from './postgres.session.js';

const NOW = 'statement_timestamp()';

const keeping = (s: string) => ({
  logKeep: `
      INSERT INTO ${s}.retained (body, published_at, topic, id, key, headers, delay_ms, ttl_ms, priority, is_text)
      SELECT substring(whole.bytes FROM m.start FOR m.bytes), ${NOW}, m.topic, m.id, m.key, m.headers, m.delay_ms, m.ttl_ms,
        m.priority, m.is_text
      FROM (SELECT $1::bytea AS bytes) AS whole,
        unnest($2::integer[], $3::integer[], $4::boolean[], $5::text[], $6::text[], $7::text[], $8::text[], $9::float8[],
          $10::float8[], $11::smallint[])
        AS m (start, bytes, is_text, topic, id, key, headers, delay_ms, ttl_ms, priority)`,
  logSweep: `
      DELETE FROM ${s}.retained WHERE seq IN (
        SELECT seq FROM ${s}.retained
        WHERE topic = $1 AND published_at <= ${NOW} - $2::float8 * interval '1 ms'
        ORDER BY seq LIMIT $3::integer FOR UPDATE SKIP LOCKED)`,
  // The place of the newest one that is too many, by the index.
  logCut: `
      DELETE FROM ${s}.retained WHERE seq IN (
        SELECT old.seq FROM ${s}.retained AS old,
          (SELECT seq FROM ${s}.retained WHERE topic = $1 ORDER BY seq DESC OFFSET $2::bigint LIMIT 1) AS first
        WHERE old.topic = $3 AND old.seq <= first.seq
        ORDER BY old.seq LIMIT $4::integer FOR UPDATE OF old SKIP LOCKED)`,
});

const giving = (s: string) => ({
  logGive: `
      INSERT INTO ${s}.messages (subscription_id, available_at, ready_at, expires_at, published_at, priority, line, is_text,
        id, topic, key, headers, body)
      SELECT $1::integer,
        CASE WHEN $2::boolean AND r.key IS NOT NULL THEN 'infinity'
          ELSE r.published_at + COALESCE(r.delay_ms, 0) * interval '1 ms' END,
        r.published_at + COALESCE(r.delay_ms, 0) * interval '1 ms', r.published_at + r.ttl_ms * interval '1 ms',
        floor(extract(epoch FROM r.published_at) * 1000), r.priority,
        CASE WHEN $2::boolean AND r.key IS NOT NULL THEN 0 END, r.is_text, r.id, r.topic, r.key, r.headers, r.body
      FROM ${s}.retained r JOIN ${s}.retention kept ON kept.topic = r.topic
      WHERE r.topic = ANY ($3::text[]) AND r.published_at > ${NOW} - kept.for_ms * interval '1 ms'
        AND (r.ttl_ms IS NULL OR r.published_at + r.ttl_ms * interval '1 ms' > ${NOW})
      ORDER BY r.seq`,
  logCancel: `
      DELETE FROM ${s}.retained WHERE id = $1 AND published_at + delay_ms * interval '1 ms' > ${NOW}
      RETURNING topic AS topic`,
  logDeclare: `
      INSERT INTO ${s}.retention (topic, for_ms, max_messages) VALUES ($1, $2, $3)
      ON CONFLICT (topic) DO UPDATE SET for_ms = excluded.for_ms, max_messages = excluded.max_messages`,
  logForget: `DELETE FROM ${s}.retention WHERE topic = $1`,
  logDrop: `DELETE FROM ${s}.retained WHERE topic = $1`,
});

/** What is done with the messages that topics retain. */
export function logStatements(s: string) {
  return namedStatements({ ...keeping(s), ...giving(s) });
}
