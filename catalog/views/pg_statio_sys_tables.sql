-- relid, schemaname, relname
SELECT c.oid AS relid, n.nspname AS schemaname, c.relname AS relname, 0 AS heap_blks_read,
       0 AS heap_blks_hit, 0 AS idx_blks_read, 0 AS idx_blks_hit, 0 AS toast_blks_read,
       0 AS toast_blks_hit, 0 AS tidx_blks_read, 0 AS tidx_blks_hit
FROM pg_catalog.pg_class AS c JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
WHERE c.relkind = 'r' AND n.nspname IN ('pg_catalog', 'information_schema', 'pg_toast')
