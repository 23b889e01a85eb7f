SELECT (aclexplode(nspacl)).* FROM pg_namespace WHERE oid = 2200

SELECT a ISNULL FROM (VALUES (1), (NULL)) v(a)

SELECT a, b FROM unnest(ARRAY[1], ARRAY['x', 'y']) AS t(a, b)
