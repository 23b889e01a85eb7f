-- table_schema, table_name, constraint_schema, constraint_name
SELECT pg_current_database() AS table_catalog, n.nspname AS table_schema, c.relname AS table_name,
       pg_current_database() AS constraint_catalog, n.nspname AS constraint_schema,
       k.conname AS constraint_name
FROM pg_catalog.pg_constraint AS k
JOIN pg_catalog.pg_class AS c ON c.oid = iif(k.contype = 'f', k.confrelid, k.conrelid)
JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
WHERE k.contype IN ('p', 'u', 'f')
