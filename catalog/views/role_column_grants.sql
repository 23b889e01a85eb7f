-- table_schema, table_name
SELECT pg_get_userbyid(c.relowner) AS grantor, pg_get_userbyid(c.relowner) AS grantee, pg_current_database() AS table_catalog, n.nspname AS table_schema,
       c.relname AS table_name,
       a.attname AS column_name, p.value AS privilege_type, 'YES' AS is_grantable
FROM pg_catalog.pg_class AS c JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
JOIN pg_catalog.pg_attribute AS a ON a.attrelid = c.oid
CROSS JOIN json_each('["INSERT","SELECT","UPDATE","REFERENCES"]') AS p
WHERE c.relkind IN ('r', 'v') AND a.attnum > 0 AND has_column_privilege(c.oid, a.attnum, p.value)
