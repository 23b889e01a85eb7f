-- schema_name
SELECT pg_current_database() AS catalog_name, nspname AS schema_name,
       pg_get_userbyid(nspowner) AS schema_owner
FROM pg_catalog.pg_namespace
