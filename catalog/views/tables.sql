-- table_schema, table_name
SELECT pg_current_database() AS table_catalog, n.nspname AS table_schema, c.relname AS table_name,
       CASE WHEN c.relpersistence = 't' THEN 'LOCAL TEMPORARY' WHEN c.relkind = 'v' THEN 'VIEW'
            ELSE 'BASE TABLE' END AS table_type,
       iif(c.relkind = 'r', 'YES', 'NO') AS is_insertable_into, 'NO' AS is_typed
FROM pg_catalog.pg_class AS c JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'v')
