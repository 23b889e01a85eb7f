--
SELECT NULL AS grantee, NULL AS role_name, NULL AS is_grantable WHERE 0
