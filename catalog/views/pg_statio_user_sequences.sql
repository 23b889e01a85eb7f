-- relid, schemaname, relname
SELECT c.oid AS relid, n.nspname AS schemaname, c.relname AS relname, 0 AS blks_read, 0 AS blks_hit
FROM pg_catalog.pg_class AS c JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
WHERE c.relkind = 'S' AND n.nspname NOT IN ('pg_catalog', 'information_schema', 'pg_toast')
