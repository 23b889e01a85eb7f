-- specific_schema
SELECT pg_current_database() AS specific_catalog, n.nspname AS specific_schema,
       p.proname || '_' || p.oid AS specific_name, x.n AS ordinal_position,
       CASE p.proargmodes ->> (x.n - 1) WHEN 'o' THEN 'OUT' WHEN 't' THEN 'OUT'
            WHEN 'b' THEN 'INOUT' ELSE 'IN' END AS parameter_mode,
       'NO' AS is_result, 'NO' AS as_locator,
       nullif(p.proargnames ->> (x.n - 1), '') AS parameter_name,
       CASE WHEN t.typelem <> 0 AND t.typlen = -1 THEN 'ARRAY'
            WHEN nt.nspname = 'pg_catalog' THEN format_type(t.oid, NULL)
            ELSE 'USER-DEFINED' END AS data_type,
       pg_current_database() AS udt_catalog, nt.nspname AS udt_schema, t.typname AS udt_name,
       CAST(x.n AS TEXT) AS dtd_identifier
FROM pg_catalog.pg_proc AS p JOIN pg_catalog.pg_namespace AS n ON n.oid = p.pronamespace
JOIN _pg_expandarray(coalesce(p.proallargtypes, p.proargtypes)) AS x
JOIN pg_catalog.pg_type AS t ON t.oid = x.x
JOIN pg_catalog.pg_namespace AS nt ON nt.oid = t.typnamespace
