-- table_schema, table_name
SELECT pg_current_database() AS udt_catalog, nt.nspname AS udt_schema, t.typname AS udt_name,
       pg_current_database() AS table_catalog, n.nspname AS table_schema, c.relname AS table_name,
       a.attname AS column_name
FROM pg_catalog.pg_class AS c JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
JOIN pg_catalog.pg_attribute AS a ON a.attrelid = c.oid
JOIN pg_catalog.pg_type AS u ON u.oid = a.atttypid
JOIN pg_catalog.pg_type AS t ON t.oid = coalesce(nullif(u.typbasetype, 0), u.oid)
JOIN pg_catalog.pg_namespace AS nt ON nt.oid = t.typnamespace
WHERE c.relkind IN ('r', 'v') AND a.attnum > 0
