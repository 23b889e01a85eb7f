-- event_object_schema, event_object_table, trigger_name
SELECT pg_current_database() AS trigger_catalog, n.nspname AS trigger_schema,
       t.tgname AS trigger_name, e.event AS event_manipulation,
       pg_current_database() AS event_object_catalog, n.nspname AS event_object_schema,
       c.relname AS event_object_table,
       rank() OVER (PARTITION BY c.oid, e.bit, t.tgtype & 66 ORDER BY t.tgname) AS action_order,
       t.tgqual AS action_condition,
       'EXECUTE FUNCTION ' || pg_regprocedure_out(t.tgfoid) AS action_statement,
       'ROW' AS action_orientation,
       CASE t.tgtype & 66 WHEN 2 THEN 'BEFORE' WHEN 64 THEN 'INSTEAD OF' ELSE 'AFTER' END
           AS action_timing,
       t.tgoldtable AS action_reference_old_table, t.tgnewtable AS action_reference_new_table
FROM pg_catalog.pg_trigger AS t JOIN pg_catalog.pg_class AS c ON c.oid = t.tgrelid
JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
JOIN (SELECT 4 AS bit, 'INSERT' AS event UNION ALL SELECT 8, 'DELETE' UNION ALL SELECT 16, 'UPDATE')
    AS e ON t.tgtype & e.bit
