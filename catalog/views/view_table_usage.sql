-- view_schema, view_name, table_name
SELECT DISTINCT pg_current_database() AS view_catalog, nv.nspname AS view_schema,
       v.relname AS view_name, pg_current_database() AS table_catalog,
       nt.nspname AS table_schema, t.relname AS table_name
FROM pg_catalog.pg_rewrite AS r JOIN pg_catalog.pg_class AS v ON v.oid = r.ev_class
JOIN pg_catalog.pg_namespace AS nv ON nv.oid = v.relnamespace
JOIN pg_catalog.pg_depend AS d ON d.classid = 2618 AND d.objid = r.oid AND d.refclassid = 1259
JOIN pg_catalog.pg_class AS t ON t.oid = d.refobjid AND t.oid <> v.oid
JOIN pg_catalog.pg_namespace AS nt ON nt.oid = t.relnamespace
