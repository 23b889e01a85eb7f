-- rows differ: the release
SELECT version()

SELECT ns.nspname, t.oid, t.typname, t.typtype, t.typnotnull, t.elemtypoid FROM (SELECT typ.oid, typ.typnamespace, typ.typname, typ.typtype, typ.typrelid, typ.typnotnull, typ.relkind, elemtyp.oid AS elemtypoid, elemtyp.typname AS elemtypname, elemcls.relkind AS elemrelkind, CASE WHEN elemproc.proname='array_recv' THEN 'a' ELSE elemtyp.typtype END AS elemtyptype FROM (SELECT typ.oid, typnamespace, typname, typrelid, typnotnull, relkind, typelem AS elemoid, CASE WHEN proc.proname='array_recv' THEN 'a' ELSE typ.typtype END AS typtype, CASE WHEN proc.proname='array_recv' THEN typ.typelem WHEN typ.typtype='r' THEN rngsubtype WHEN typ.typtype='m' THEN (SELECT rngtypid FROM pg_range WHERE rngmultitypid = typ.oid) WHEN typ.typtype='d' THEN typ.typbasetype END AS elemtypoid FROM pg_type AS typ LEFT JOIN pg_class AS cls ON (cls.oid = typ.typrelid) LEFT JOIN pg_proc AS proc ON proc.oid = typ.typreceive LEFT JOIN pg_range ON (pg_range.rngtypid = typ.oid)) AS typ LEFT JOIN pg_type AS elemtyp ON elemtyp.oid = elemtypoid LEFT JOIN pg_class AS elemcls ON (elemcls.oid = elemtyp.typrelid) LEFT JOIN pg_proc AS elemproc ON elemproc.oid = elemtyp.typreceive) AS t JOIN pg_namespace AS ns ON (ns.oid = typnamespace) WHERE (typtype IN ('b', 'r', 'm', 'e', 'd') OR (typtype = 'c' AND relkind='c') OR (typtype = 'p' AND typname IN ('record', 'void', 'unknown')) OR (typtype = 'a' AND (elemtyptype IN ('b', 'r', 'm', 'e', 'd') OR (elemtyptype = 'p' AND elemtypname IN ('record', 'void')) OR (elemtyptype = 'c' AND elemrelkind='c')))) AND (typtype IN ('b','p') OR nspname = 'pg_catalog') ORDER BY CASE WHEN typtype IN ('b', 'e', 'p') THEN 0 WHEN typtype = 'c' THEN 1 WHEN typtype = 'r' THEN 2 WHEN typtype = 'm' THEN 3 WHEN typtype = 'd' AND elemtyptype <> 'a' THEN 4 WHEN typtype = 'a' THEN 5 WHEN typtype = 'd' AND elemtyptype = 'a' THEN 6 END

SELECT typ.oid, att.attname, att.atttypid FROM pg_type AS typ JOIN pg_namespace AS ns ON (ns.oid = typ.typnamespace) JOIN pg_class AS cls ON (cls.oid = typ.typrelid) JOIN pg_attribute AS att ON (att.attrelid = typ.typrelid) WHERE (typ.typtype = 'c' AND cls.relkind='c') AND attnum > 0 AND NOT attisdropped ORDER BY typ.oid, att.attnum

SELECT pg_type.oid, enumlabel FROM pg_enum JOIN pg_type ON pg_type.oid=enumtypid ORDER BY oid, enumsortorder

SELECT d.datname AS database_name, u.usename AS owner, pg_catalog.pg_encoding_to_char(d.encoding) AS encoding FROM pg_catalog.pg_database d LEFT JOIN pg_catalog.pg_user u ON d.datdba = u.usesysid WHERE d.datname = current_database()

SELECT table_catalog, table_schema, table_name, table_type FROM information_schema.tables WHERE table_type IN ('BASE TABLE', 'FOREIGN', 'FOREIGN TABLE') AND table_schema NOT IN ('pg_catalog', 'information_schema')

SELECT table_catalog, table_schema, table_name, column_name, ordinal_position, column_default IS NULL, is_nullable, udt_name AS data_type, character_maximum_length, character_octet_length, numeric_precision, numeric_precision_radix, numeric_scale, datetime_precision, character_set_catalog, character_set_schema, character_set_name, collation_catalog FROM information_schema.columns WHERE table_schema = 'public'

SELECT table_catalog, table_schema, table_name, check_option, is_updatable FROM information_schema.views WHERE table_schema NOT IN ('pg_catalog', 'information_schema')

SELECT current_database() AS table_catalog, schemaname AS table_schema, matviewname AS table_name, matviewowner AS owner, ispopulated AS is_populated FROM pg_catalog.pg_matviews

SELECT usename as user_name, usesysid as user_sysid FROM pg_catalog.pg_user WHERE usename = current_user

SELECT current_database() AS table_catalog, n.nspname AS table_schema, t.relname AS table_name, i.relname AS index_name, '' AS type_desc FROM pg_catalog.pg_class i JOIN pg_catalog.pg_index ix ON ix.indexrelid = i.oid JOIN pg_catalog.pg_class t ON ix.indrelid = t.oid LEFT JOIN pg_catalog.pg_user u ON u.usesysid = i.relowner LEFT JOIN pg_catalog.pg_namespace n ON n.oid = i.relnamespace WHERE i.relkind = 'i' AND n.nspname NOT IN ('pg_catalog', 'pg_toast') AND t.relkind = 'r'

SELECT current_database() AS "constraint_catalog", pgn.nspname AS "constraint_schema", pgc.conname AS "constraint_name", current_database() AS "table_catalog", pgtn.nspname AS "table_schema", pgt.relname AS "table_name", CASE WHEN pgc.contype = 'p' THEN 'PRIMARY KEY' WHEN 'f' = pgc.contype THEN 'FOREIGN KEY' END AS "constraint_type", pgc.condeferrable AS "is_deferrable", pgc.condeferred AS "initially_deferred" FROM pg_catalog.pg_constraint pgc INNER JOIN pg_catalog.pg_namespace pgn ON pgc.connamespace = pgn.oid INNER JOIN pg_catalog.pg_class pgt ON pgc.conrelid = pgt.oid INNER JOIN pg_catalog.pg_namespace pgtn ON pgt.relnamespace = pgtn.oid INNER JOIN pg_catalog.pg_attribute pgac ON (pgac.attnum = ANY(pgc.conkey) AND pgac.attrelid = pgc.conrelid) WHERE pgtn.nspname NOT IN ('pg_catalog', 'pg_toast')

SELECT pg_get_keywords.word FROM pg_catalog.pg_get_keywords() WHERE catcode <> 'U'

SELECT typ.oid AS typoid, nspname, relname, attname, attrelid, attnum, attnotnull, attidentity != '' AS isidentity, CASE WHEN typ.typtype = 'd' THEN typ.typtypmod ELSE atttypmod END AS typmod, CASE WHEN atthasdef THEN true ELSE false END AS "default", CASE WHEN ((attidentity = 'a') OR (attgenerated <> '')) THEN FALSE ELSE CAST(CASE WHEN pg_column_is_updatable(cls.oid::regclass, attnum, false) THEN TRUE END AS boolean) END AS is_updatable, EXISTS (SELECT * FROM pg_index WHERE pg_index.indrelid = cls.oid AND pg_index.indisprimary AND attnum = ANY (indkey)) AS isprimarykey, EXISTS (SELECT * FROM pg_index WHERE pg_index.indrelid = cls.oid AND pg_index.indisunique AND pg_index.indnkeyatts = 1 AND attnum = pg_index.indkey[0]) AS isunique FROM pg_attribute AS attr JOIN pg_type AS typ ON attr.atttypid = typ.oid JOIN pg_class AS cls ON cls.oid = attr.attrelid JOIN pg_namespace AS ns ON ns.oid = cls.relnamespace LEFT OUTER JOIN pg_attrdef AS d ON attr.attrelid = d.adrelid AND attr.attnum = d.adnum WHERE atttypid <> 0 AND relkind IN ('r', 'm') AND NOT attisdropped AND nspname = 'public' AND attnum > 0 ORDER BY attnum

SELECT CASE WHEN pg_is_in_recovery() THEN 'standby' ELSE 'primary' END

SHOW default_transaction_read_only

SELECT pg_is_in_recovery(), current_setting('default_transaction_read_only')
