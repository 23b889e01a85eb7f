-- table_schema, table_name
SELECT pg_get_userbyid(c.relowner) AS grantor, pg_get_userbyid(c.relowner) AS grantee, pg_current_database() AS table_catalog, n.nspname AS table_schema,
       c.relname AS table_name,
       p.value AS privilege_type, 'YES' AS is_grantable,
       iif(p.value = 'SELECT', 'YES', 'NO') AS with_hierarchy
FROM pg_catalog.pg_class AS c JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
CROSS JOIN json_each('["INSERT","SELECT","UPDATE","DELETE","TRUNCATE","REFERENCES","TRIGGER"]') AS p
WHERE c.relkind IN ('r', 'v') AND has_table_privilege(c.oid, p.value)
