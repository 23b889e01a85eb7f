-- event_object_schema, event_object_table, trigger_name
SELECT pg_current_database() AS trigger_catalog, n.nspname AS trigger_schema,
       t.tgname AS trigger_name,
       CASE WHEN t.tgtype & 4 THEN 'INSERT' WHEN t.tgtype & 8 THEN 'DELETE' ELSE 'UPDATE' END
           AS event_manipulation,
       pg_current_database() AS event_object_catalog, n.nspname AS event_object_schema,
       c.relname AS event_object_table, pg_get_triggerdef(t.oid) AS action_statement,
       'ROW' AS action_orientation,
       CASE WHEN t.tgtype & 2 THEN 'BEFORE' WHEN t.tgtype & 64 THEN 'INSTEAD OF' ELSE 'AFTER' END
           AS action_timing
FROM pg_catalog.pg_trigger AS t JOIN pg_catalog.pg_class AS c ON c.oid = t.tgrelid
JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
