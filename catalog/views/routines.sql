-- routine_schema, routine_name
SELECT pg_current_database() AS specific_catalog, n.nspname AS specific_schema,
       p.proname || '_' || p.oid AS specific_name, pg_current_database() AS routine_catalog,
       n.nspname AS routine_schema, p.proname AS routine_name,
       CASE p.prokind WHEN 'f' THEN 'FUNCTION' WHEN 'p' THEN 'PROCEDURE' END AS routine_type,
       CASE WHEN t.typelem <> 0 AND t.typlen = -1 THEN 'ARRAY'
            WHEN nt.nspname = 'pg_catalog' THEN format_type(t.oid, NULL)
            ELSE 'USER-DEFINED' END AS data_type,
       pg_current_database() AS type_udt_catalog, nt.nspname AS type_udt_schema,
       t.typname AS type_udt_name, '0' AS dtd_identifier,
       iif(l.lanname = 'sql', 'SQL', 'EXTERNAL') AS routine_body, p.prosrc AS routine_definition,
       iif(l.lanname = 'c', p.prosrc, NULL) AS external_name, upper(l.lanname) AS external_language,
       'GENERAL' AS parameter_style, iif(p.provolatile = 'i', 'YES', 'NO') AS is_deterministic,
       'MODIFIES' AS sql_data_access, iif(p.proisstrict, 'YES', 'NO') AS is_null_call,
       'YES' AS schema_level_routine, 0 AS max_dynamic_result_sets,
       iif(p.prosecdef, 'DEFINER', 'INVOKER') AS security_type, 'NO' AS as_locator,
       'NO' AS is_udt_dependent
FROM pg_catalog.pg_proc AS p JOIN pg_catalog.pg_namespace AS n ON n.oid = p.pronamespace
JOIN pg_catalog.pg_language AS l ON l.oid = p.prolang
JOIN pg_catalog.pg_type AS t ON t.oid = p.prorettype
JOIN pg_catalog.pg_namespace AS nt ON nt.oid = t.typnamespace
