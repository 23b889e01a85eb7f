-- schemaname, tablename, indexname
SELECT n.nspname AS schemaname, c.relname AS tablename, i.relname AS indexname,
       pg_get_indexdef(i.oid) AS indexdef
FROM pg_catalog.pg_index AS x JOIN pg_catalog.pg_class AS c ON c.oid = x.indrelid
JOIN pg_catalog.pg_class AS i ON i.oid = x.indexrelid
JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
