-- constraint_schema, constraint_name
SELECT pg_current_database() AS constraint_catalog, n.nspname AS constraint_schema,
       k.conname AS constraint_name, pg_current_database() AS unique_constraint_catalog,
       n.nspname AS unique_constraint_schema, u.conname AS unique_constraint_name,
       'NONE' AS match_option,
       CASE k.confupdtype WHEN 'c' THEN 'CASCADE' WHEN 'n' THEN 'SET NULL' WHEN 'd' THEN 'SET DEFAULT'
            WHEN 'r' THEN 'RESTRICT' ELSE 'NO ACTION' END AS update_rule,
       CASE k.confdeltype WHEN 'c' THEN 'CASCADE' WHEN 'n' THEN 'SET NULL' WHEN 'd' THEN 'SET DEFAULT'
            WHEN 'r' THEN 'RESTRICT' ELSE 'NO ACTION' END AS delete_rule
FROM pg_catalog.pg_constraint AS k JOIN pg_catalog.pg_class AS c ON c.oid = k.conrelid
JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
LEFT JOIN pg_catalog.pg_constraint AS u ON u.conindid = k.conindid AND u.contype IN ('p', 'u')
WHERE k.contype = 'f'
