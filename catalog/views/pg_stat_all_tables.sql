-- relid, schemaname, relname
SELECT c.oid AS relid, n.nspname AS schemaname, c.relname AS relname, 0 AS seq_scan,
       0 AS seq_tup_read, 0 AS idx_scan, 0 AS idx_tup_fetch, 0 AS n_tup_ins, 0 AS n_tup_upd,
       0 AS n_tup_del, 0 AS n_tup_hot_upd, max(c.reltuples, 0) AS n_live_tup, 0 AS n_dead_tup,
       0 AS n_mod_since_analyze, 0 AS n_ins_since_vacuum, 0 AS vacuum_count,
       0 AS autovacuum_count, 0 AS analyze_count, 0 AS autoanalyze_count
FROM pg_catalog.pg_class AS c JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
WHERE c.relkind = 'r' AND 1
