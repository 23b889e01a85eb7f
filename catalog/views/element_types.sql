-- object_schema, object_name
SELECT pg_current_database() AS object_catalog, n.nspname AS object_schema,
       c.relname AS object_name, 'TABLE' AS object_type,
       CAST(a.attnum AS TEXT) AS collection_type_identifier,
       format_type(e.oid, NULL) AS data_type, pg_current_database() AS udt_catalog,
       ne.nspname AS udt_schema, e.typname AS udt_name, 'a' || a.attnum AS dtd_identifier
FROM pg_catalog.pg_class AS c JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
JOIN pg_catalog.pg_attribute AS a ON a.attrelid = c.oid
JOIN pg_catalog.pg_type AS t ON t.oid = a.atttypid AND t.typelem <> 0 AND t.typlen = -1
JOIN pg_catalog.pg_type AS e ON e.oid = t.typelem
JOIN pg_catalog.pg_namespace AS ne ON ne.oid = e.typnamespace
WHERE c.relkind IN ('r', 'v') AND a.attnum > 0
