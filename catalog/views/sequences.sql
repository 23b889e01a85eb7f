-- sequence_schema, sequence_name
SELECT pg_current_database() AS sequence_catalog, n.nspname AS sequence_schema,
       c.relname AS sequence_name, format_type(s.seqtypid, NULL) AS data_type,
       64 AS numeric_precision, 2 AS numeric_precision_radix, 0 AS numeric_scale,
       CAST(s.seqstart AS TEXT) AS start_value, CAST(s.seqmin AS TEXT) AS minimum_value,
       CAST(s.seqmax AS TEXT) AS maximum_value, CAST(s.seqincrement AS TEXT) AS increment,
       iif(s.seqcycle, 'YES', 'NO') AS cycle_option
FROM pg_catalog.pg_sequence AS s JOIN pg_catalog.pg_class AS c ON c.oid = s.seqrelid
JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
WHERE NOT EXISTS (SELECT 1 FROM pg_catalog.pg_depend AS d
                  WHERE d.objid = c.oid AND d.classid = 1259 AND d.deptype = 'i')
