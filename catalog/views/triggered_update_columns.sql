-- event_object_schema, event_object_table, trigger_name
SELECT pg_current_database() AS trigger_catalog, n.nspname AS trigger_schema,
       t.tgname AS trigger_name, pg_current_database() AS event_object_catalog,
       n.nspname AS event_object_schema, c.relname AS event_object_table,
       a.attname AS event_object_column
FROM pg_catalog.pg_trigger AS t JOIN pg_catalog.pg_class AS c ON c.oid = t.tgrelid
JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
JOIN _pg_expandarray(t.tgattr) AS k
JOIN pg_catalog.pg_attribute AS a ON a.attrelid = c.oid AND a.attnum = k.x
