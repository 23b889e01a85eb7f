-- table_schema, table_name, column_name
SELECT pg_current_database() AS table_catalog, n.nspname AS table_schema, c.relname AS table_name,
       a.attname AS column_name, a.attnum AS ordinal_position,
       iif(a.attgenerated = '', pg_get_expr(d.adbin, d.adrelid), NULL) AS column_default,
       iif(a.attnotnull, 'NO', 'YES') AS is_nullable,
       CASE WHEN t.typelem <> 0 AND t.typlen = -1 THEN 'ARRAY'
            WHEN n.nspname = 'public' OR t.typtype <> 'd' THEN format_type(a.atttypid, NULL)
            ELSE format_type(t.typbasetype, NULL) END AS data_type,
       iif(a.atttypid IN (1042, 1043) AND a.atttypmod >= 4, a.atttypmod - 4, NULL)
           AS character_maximum_length,
       CASE WHEN a.atttypid IN (1042, 1043) AND a.atttypmod >= 4 THEN 4 * (a.atttypmod - 4)
            WHEN a.atttypid IN (25, 1042, 1043) THEN 1073741824 END AS character_octet_length,
       CASE a.atttypid WHEN 21 THEN 16 WHEN 23 THEN 32 WHEN 20 THEN 64 WHEN 700 THEN 24
            WHEN 701 THEN 53
            WHEN 1700 THEN iif(a.atttypmod >= 4, (a.atttypmod - 4) >> 16, NULL)
            END AS numeric_precision,
       CASE WHEN a.atttypid IN (21, 23, 20, 700, 701) THEN 2 WHEN a.atttypid = 1700 THEN 10
            END AS numeric_precision_radix,
       CASE WHEN a.atttypid IN (21, 23, 20) THEN 0
            WHEN a.atttypid = 1700 AND a.atttypmod >= 4 THEN (a.atttypmod - 4) & 2047
            END AS numeric_scale,
       CASE WHEN a.atttypid = 1082 THEN 0
            WHEN a.atttypid IN (1083, 1114, 1184, 1266, 1186)
            THEN iif(a.atttypmod >= 0, a.atttypmod, 6) END AS datetime_precision,
       iif(t.typtype = 'd', pg_current_database(), NULL) AS domain_catalog,
       iif(t.typtype = 'd', 'information_schema', NULL) AS domain_schema,
       iif(t.typtype = 'd', t.typname, NULL) AS domain_name,
       pg_current_database() AS udt_catalog, 'pg_catalog' AS udt_schema,
       iif(t.typtype = 'd', (SELECT b.typname FROM pg_catalog.pg_type AS b
                             WHERE b.oid = t.typbasetype), t.typname) AS udt_name,
       CAST(a.attnum AS TEXT) AS dtd_identifier, 'NO' AS is_self_referencing,
       iif(a.attidentity = '', 'NO', 'YES') AS is_identity,
       CASE a.attidentity WHEN 'd' THEN 'BY DEFAULT' WHEN 'a' THEN 'ALWAYS' END
           AS identity_generation,
       iif(a.attidentity = '', NULL, '1') AS identity_start,
       iif(a.attidentity = '', NULL, '1') AS identity_increment,
       iif(a.attidentity = '', NULL, '9223372036854775807') AS identity_maximum,
       iif(a.attidentity = '', NULL, '1') AS identity_minimum, 'NO' AS identity_cycle,
       iif(a.attgenerated = '', 'NEVER', 'ALWAYS') AS is_generated,
       iif(a.attgenerated = '', NULL, pg_get_expr(d.adbin, d.adrelid)) AS generation_expression,
       iif(c.relkind = 'r', 'YES', 'NO') AS is_updatable
FROM pg_catalog.pg_class AS c JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
JOIN pg_catalog.pg_attribute AS a ON a.attrelid = c.oid
JOIN pg_catalog.pg_type AS t ON t.oid = a.atttypid
LEFT JOIN pg_catalog.pg_attrdef AS d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
WHERE c.relkind IN ('r', 'v') AND a.attnum > 0
