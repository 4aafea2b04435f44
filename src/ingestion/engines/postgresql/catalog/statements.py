"""Statements over PostgreSQL's system tables: the server, the tables wanted, and what is known of each as JSON."""

from __future__ import annotations

from ingestion.engines.postgresql.relation import BASE_TYPE, NEVER_NULL

SERVER = """
SELECT current_setting('server_version'), current_database()::text, current_user::text,
       current_setting('server_encoding'), (SELECT reset_val FROM pg_settings WHERE name = 'TimeZone'),
       pg_is_in_recovery(), pg_has_role(current_user, 'pg_read_all_stats', 'USAGE'),
       EXISTS (SELECT FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
               WHERE c.relkind IN ('r', 'p') AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
                 AND (has_table_privilege(c.oid, 'INSERT, UPDATE, DELETE, TRUNCATE')
                      OR has_any_column_privilege(c.oid, 'INSERT, UPDATE')))
"""
WANTED = """
SELECT DISTINCT ON (wanted.name) wanted.name AS known, c.oid
FROM unnest(ARRAY[{names}]::text[], ARRAY[{schemas}]::text[], ARRAY[{relations}]::text[])
  AS wanted (name, schema, relation)
JOIN pg_class c ON c.relname = wanted.relation AND c.relkind IN ('r', 'p', 'v', 'm', 'f')
JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE CASE wanted.schema WHEN '' THEN pg_table_is_visible(c.oid) ELSE n.nspname = wanted.schema END
"""
ALL = """
SELECT c.oid::text AS known, c.oid
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f') AND NOT c.relispartition
  AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema' AND has_schema_privilege(n.oid, 'USAGE')
"""
STATEMENT = r"""
WITH wanted AS MATERIALIZED (@wanted)
SELECT wanted.known, jsonb_build_object(
  'schema', n.nspname, 'name', c.relname, 'kind', c.relkind, 'visible', pg_table_is_visible(c.oid),
  'readable', has_table_privilege(c.oid, 'SELECT') OR has_any_column_privilege(c.oid, 'SELECT'),
  'filtered', row_security_active(c.oid),
  'comment', obj_description(c.oid, 'pg_class'),
  'rows', sizes.rows, 'bytes', sizes.bytes,
  'key', (
    SELECT jsonb_agg(a.attname ORDER BY place.number)
    FROM pg_index i CROSS JOIN LATERAL unnest(i.indkey::int2[]) WITH ORDINALITY AS place (attnum, number)
    JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = place.attnum
    WHERE i.indrelid = c.oid AND i.indisprimary),
  'indexes', coalesce((
    SELECT jsonb_agg(jsonb_build_object('columns', parts.columns, 'unique', i.indisunique,
                                        'certain', parts.certain)
                     ORDER BY i.indisprimary DESC, i.indexrelid)
    FROM pg_index i CROSS JOIN LATERAL (
      SELECT coalesce(jsonb_agg(coalesce(a.attname, '') ORDER BY place.number), '[]') AS columns,
             bool_and(coalesce(@never_null, false)) AS certain
      FROM unnest(i.indkey::int2[]) WITH ORDINALITY AS place (attnum, number)
      LEFT JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = place.attnum AND place.attnum > 0
      WHERE place.number <= i.indnkeyatts) AS parts
    WHERE i.indrelid = c.oid AND i.indisvalid AND i.indpred IS NULL), '[]'),
  'references', coalesce((
    SELECT jsonb_agg(jsonb_build_object('schema', fn.nspname, 'table', f.relname, 'columns', (
        SELECT jsonb_agg(a.attname ORDER BY place.number)
        FROM unnest(k.conkey) WITH ORDINALITY AS place (attnum, number)
        JOIN pg_attribute a ON a.attrelid = k.conrelid AND a.attnum = place.attnum
      ), 'theirs', (
        SELECT jsonb_agg(a.attname ORDER BY place.number)
        FROM unnest(k.confkey) WITH ORDINALITY AS place (attnum, number)
        JOIN pg_attribute a ON a.attrelid = k.confrelid AND a.attnum = place.attnum
      )) ORDER BY k.conname)
    FROM pg_constraint k JOIN pg_class f ON f.oid = k.confrelid JOIN pg_namespace fn ON fn.oid = f.relnamespace
    WHERE k.contype = 'f' AND (k.conrelid = c.oid OR (c.relkind = 'p' AND k.conparentid = 0 AND k.conrelid = (
      SELECT min(leaf.relid::oid) FROM pg_partition_tree(c.oid) AS leaf WHERE leaf.isleaf)))), '[]'),
  'triggers', coalesce((
    SELECT jsonb_agg(jsonb_build_object('name', t.tgname, 'body', p.prosrc, 'arguments', encode(t.tgargs, 'escape'))
                     ORDER BY t.tgname)
    FROM pg_trigger t JOIN pg_proc p ON p.oid = t.tgfoid
    WHERE t.tgrelid = c.oid AND NOT t.tgisinternal AND t.tgenabled <> 'D'
      AND t.tgtype & 3 = 3 AND t.tgtype & 16 = 16), '[]'),
  'columns', coalesce((
    SELECT jsonb_agg(jsonb_build_object(
      'name', a.attname, 'number', a.attnum, 'nullable', NOT @never_null, 'category', ty.typcategory,
      'stated', format_type(a.atttypid, a.atttypmod), 'base', format_type(base.oid, -1), 'modifier', base.modifier,
      'readable', has_column_privilege(c.oid, a.attnum, 'SELECT'), 'comment', col_description(c.oid, a.attnum),
      'default', coalesce((
        SELECT pg_get_expr(d.adbin, d.adrelid) FROM pg_attrdef d
        WHERE d.adrelid = c.oid AND d.adnum = a.attnum AND a.attgenerated = ''), ty.typdefault)
    ) ORDER BY a.attnum)
    FROM pg_attribute a JOIN pg_type ty ON ty.oid = a.atttypid
    @base_type
    WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped), '[]')
)::text
FROM wanted JOIN pg_class c ON c.oid = wanted.oid JOIN pg_namespace n ON n.oid = c.relnamespace
CROSS JOIN LATERAL (
  SELECT CASE WHEN c.relkind = 'p' THEN coalesce(sum(greatest(leaf.reltuples, 0)), 0) ELSE c.reltuples END AS rows,
         CASE WHEN c.relkind = 'p' THEN coalesce(sum(pg_table_size(leaf.oid)), 0)
              WHEN c.relkind IN ('r', 'm') THEN pg_table_size(c.oid) ELSE 0 END AS bytes
  FROM pg_partition_tree(c.oid) AS tree JOIN pg_class leaf ON leaf.oid = tree.relid AND tree.isleaf
) AS sizes
ORDER BY n.nspname, c.relname
""".replace("@base_type", BASE_TYPE).replace("@never_null", NEVER_NULL)
