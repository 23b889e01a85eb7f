-- table_schema, table_name, constraint_name, constraint_schema, constraint_type
SELECT pg_current_database() AS constraint_catalog, n.nspname AS constraint_schema,
       k.conname AS constraint_name, pg_current_database() AS table_catalog, n.nspname AS table_schema,
       c.relname AS table_name,
       CASE k.contype WHEN 'p' THEN 'PRIMARY KEY' WHEN 'u' THEN 'UNIQUE' WHEN 'f' THEN 'FOREIGN KEY'
            WHEN 'c' THEN 'CHECK' END AS constraint_type,
       iif(k.condeferrable, 'YES', 'NO') AS is_deferrable,
       iif(k.condeferred, 'YES', 'NO') AS initially_deferred, 'YES' AS enforced,
       iif(k.contype = 'u', 'YES', NULL) AS nulls_distinct
FROM pg_catalog.pg_constraint AS k JOIN pg_catalog.pg_class AS c ON c.oid = k.conrelid
JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
UNION ALL
SELECT pg_current_database(), n.nspname,
       n.oid || '_' || c.oid || '_' || a.attnum || '_not_null', pg_current_database() AS table_catalog, n.nspname AS table_schema,
       c.relname AS table_name,
       'CHECK', 'NO', 'NO', 'YES', NULL
FROM pg_catalog.pg_class AS c JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
JOIN pg_catalog.pg_attribute AS a ON a.attrelid = c.oid
WHERE c.relkind = 'r' AND a.attnotnull AND a.attnum > 0 AND n.nspname = 'public'
