-- constraint_schema, constraint_name
SELECT pg_current_database() AS constraint_catalog, n.nspname AS constraint_schema,
       k.conname AS constraint_name, '(' || pg_get_expr(k.conbin, k.conrelid) || ')' AS check_clause
FROM pg_catalog.pg_constraint AS k JOIN pg_catalog.pg_class AS c ON c.oid = k.conrelid
JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
WHERE k.contype = 'c'
UNION ALL
SELECT pg_current_database(), n.nspname,
       n.oid || '_' || c.oid || '_' || a.attnum || '_not_null', a.attname || ' IS NOT NULL'
FROM pg_catalog.pg_class AS c JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
JOIN pg_catalog.pg_attribute AS a ON a.attrelid = c.oid
WHERE c.relkind = 'r' AND a.attnotnull AND a.attnum > 0 AND n.nspname = 'public'
