--
SELECT rolname AS groname, oid AS grosysid, '[]' AS grolist
FROM pg_catalog.pg_authid WHERE NOT rolcanlogin
