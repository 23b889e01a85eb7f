--
SELECT pg_current_database() AS catalog_name
