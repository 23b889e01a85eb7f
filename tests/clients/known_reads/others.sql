-- Grafana
SELECT current_setting('server_version_num')::int/100 AS version

SELECT extversion FROM pg_extension WHERE extname = 'timescaledb'

SELECT CASE WHEN quote_ident(table_schema) IN (SELECT CASE WHEN trim(s[i]) = '"$user"' THEN user ELSE trim(s[i]) END FROM generate_series(array_lower(string_to_array(current_setting('search_path'), ','), 1), array_upper(string_to_array(current_setting('search_path'), ','), 1)) AS i, string_to_array(current_setting('search_path'), ',') s) THEN quote_ident(table_name) ELSE quote_ident(table_schema) || '.' || quote_ident(table_name) END AS "table" FROM information_schema.tables WHERE quote_ident(table_schema) NOT IN ('information_schema', 'pg_catalog', '_timescaledb_cache', '_timescaledb_catalog') ORDER BY CASE WHEN quote_ident(table_schema) IN (SELECT CASE WHEN trim(s[i]) = '"$user"' THEN user ELSE trim(s[i]) END FROM generate_series(array_lower(string_to_array(current_setting('search_path'), ','), 1), array_upper(string_to_array(current_setting('search_path'), ','), 1)) AS i, string_to_array(current_setting('search_path'), ',') s) THEN 0 ELSE 1 END, 1

SELECT quote_ident(column_name) AS "column", data_type AS "type" FROM information_schema.columns WHERE CASE WHEN array_length(parse_ident('public."Artist"'), 1) = 2 THEN quote_ident(table_schema) = (parse_ident('public."Artist"'))[1] AND quote_ident(table_name) = '"' || (parse_ident('public."Artist"'))[2] || '"' ELSE quote_ident(table_name) = 'public."Artist"' AND quote_ident(table_schema) IN ('public') END

SELECT schema_name FROM information_schema.schemata ORDER BY 1

-- TablePlus
SELECT nspname FROM pg_catalog.pg_namespace

SELECT p.proname AS name, pg_get_function_identity_arguments(p.oid) AS arguments FROM pg_catalog.pg_proc p LEFT JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace WHERE n.nspname = 'public' AND prorettype = 'pg_catalog.trigger'::pg_catalog.regtype

SELECT n.nspname AS enum_schema, t.typname AS enum_name, e.enumlabel AS enum_value FROM pg_type t JOIN pg_enum e ON t.oid = e.enumtypid JOIN pg_catalog.pg_namespace n ON n.oid = t.typnamespace

SELECT table_name, table_type FROM information_schema.tables WHERE table_schema = 'public' UNION SELECT c.relname AS table_name, 'MATERIALIZED VIEW' AS table_type FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.relkind = 'm' AND n.nspname = 'public'

-- Beekeeper Studio
SELECT table_schema AS schema, table_name AS name, CASE WHEN table_type = 'VIEW' THEN 'v' ELSE 'r' END AS kind FROM information_schema.tables WHERE table_schema NOT IN ('pg_catalog', 'information_schema') AND table_type NOT LIKE '%VIEW%' ORDER BY table_schema, table_name

SELECT table_schema, table_name, column_name, is_nullable, is_generated, ordinal_position, CASE WHEN character_maximum_length IS NOT NULL AND udt_name <> 'text' THEN udt_name || '(' || character_maximum_length::varchar(255) || ')' WHEN numeric_precision IS NOT NULL AND numeric_scale IS NOT NULL THEN udt_name || '(' || numeric_precision::varchar(255) || ',' || numeric_scale::varchar(255) || ')' WHEN datetime_precision IS NOT NULL AND udt_name <> 'date' THEN udt_name || '(' || datetime_precision::varchar(255) || ')' ELSE udt_name END AS data_type, col_description(format('%I.%I', table_schema, table_name)::regclass::oid, ordinal_position) AS column_comment FROM information_schema.columns WHERE table_schema = 'public' ORDER BY table_name, ordinal_position

-- rows differ: the text of a view's and a trigger's body
SELECT trigger_name, action_timing AS timing, event_manipulation AS manipulation, action_orientation, action_condition AS condition FROM information_schema.triggers WHERE event_object_schema = 'public' AND event_object_table = 'Album'

SELECT i.indexrelid::regclass AS indexname, k.i AS index_order, i.indexrelid AS id, i.indisunique, i.indisprimary, coalesce(a.attname, (('{' || pg_get_expr(i.indexprs, i.indrelid) || '}')::text[])[k.i]) AS index_column, i.indoption[k.i - 1] = 0 AS ascending FROM pg_index i CROSS JOIN LATERAL (SELECT unnest(i.indkey), generate_subscripts(i.indkey, 1) + 1) AS k(attnum, i) LEFT JOIN pg_attribute AS a ON i.indrelid = a.attrelid AND k.attnum = a.attnum JOIN pg_class t ON t.oid = i.indrelid JOIN pg_namespace c ON c.oid = t.relnamespace WHERE c.nspname = 'public' AND t.relname = 'Album' AND a.attname IS NOT NULL

SELECT a.attname AS column_name, format_type(a.atttypid, a.atttypmod) AS data_type, a.attnum AS position FROM pg_index i JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = ANY(i.indkey) WHERE i.indrelid = 'public."Artist"'::regclass AND i.indisprimary ORDER BY a.attnum

SELECT kcu.constraint_name, kcu.column_name, rc.delete_rule AS on_delete FROM information_schema.key_column_usage AS kcu JOIN information_schema.referential_constraints AS rc ON rc.constraint_name = kcu.constraint_name WHERE kcu.table_schema = 'public'

SELECT DISTINCT ctu.table_name FROM information_schema.constraint_table_usage AS ctu JOIN information_schema.table_constraints AS tc ON tc.constraint_name = ctu.constraint_name WHERE tc.constraint_type = 'FOREIGN KEY' AND tc.table_name = 'Album'

SELECT r.routine_schema AS routine_schema, r.specific_name IS NOT NULL AS id, r.routine_name AS name, r.routine_type AS type, r.data_type AS data_type FROM information_schema.routines r WHERE r.routine_schema NOT IN ('sys', 'information_schema', 'pg_catalog') ORDER BY routine_schema, routine_name

SELECT p.specific_name, p.parameter_name AS name, p.character_maximum_length AS char_length, p.data_type AS data_type FROM information_schema.parameters p WHERE p.specific_schema NOT IN ('sys', 'information_schema', 'pg_catalog')

-- rows differ: sizes
SELECT pg_size_pretty(pg_relation_size('"Artist"'::regclass)), pg_indexes_size('"Artist"'::regclass), pg_total_relation_size('"Artist"'), obj_description('"Artist"'::regclass::oid) AS description

SELECT c.oid::regclass, c.relnamespace::regnamespace::text, c.reltuples::bigint >= -1 FROM pg_class c WHERE c.relnamespace = 'public'::regnamespace AND c.relkind = 'r'

SELECT pg_backend_pid() > 0

-- HeidiSQL
SELECT EXTRACT(EPOCH FROM CURRENT_TIMESTAMP - pg_postmaster_start_time())::INTEGER >= 0

SELECT *, pg_catalog.pg_get_userbyid(datdba) FROM pg_database WHERE datname = 'nothing'

-- rows differ: sizes
SELECT n.nspname, c.relname, c.oid, c.reltuples::bigint AS "Rows", c.relkind, pg_relation_size(c.oid) AS data_length, pg_total_relation_size(c.oid) - pg_relation_size(c.oid) AS index_length, obj_description(c.oid) AS comment FROM pg_class c LEFT JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.relkind IN ('r', 'v', 'm', 'f', 'p', 's') AND n.nspname = 'public'

SELECT DISTINCT a.attname AS column_name, a.attnum, a.atttypid, FORMAT_TYPE(a.atttypid, a.atttypmod) AS data_type, CASE a.attnotnull WHEN false THEN 'YES' ELSE 'NO' END AS IS_NULLABLE, com.description AS column_comment, pg_get_expr(def.adbin, def.adrelid) IS NULL AS column_default, NULL AS character_maximum_length FROM pg_attribute AS a JOIN pg_class AS pgc ON pgc.oid = a.attrelid LEFT JOIN pg_description AS com ON (pgc.oid = com.objoid AND a.attnum = com.objsubid) LEFT JOIN pg_attrdef AS def ON (a.attrelid = def.adrelid AND a.attnum = def.adnum) WHERE a.attnum > 0 AND pgc.oid = a.attrelid AND pg_table_is_visible(pgc.oid) AND NOT a.attisdropped AND pgc.relname = 'Artist' ORDER BY a.attnum

WITH ndx_list AS (SELECT pg_index.indexrelid, pg_class.oid FROM pg_index, pg_class WHERE pg_class.relname = 'Album' AND pg_class.oid = pg_index.indrelid), ndx_cols AS (SELECT pg_class.relname, UNNEST(i.indkey) AS col_ndx, CASE i.indisprimary WHEN true THEN 'PRIMARY' ELSE CASE i.indisunique WHEN true THEN 'UNIQUE' ELSE 'KEY' END END AS CONSTRAINT_TYPE, pg_class.oid FROM pg_class JOIN pg_index i ON (pg_class.oid = i.indexrelid) JOIN ndx_list ON (pg_class.oid = ndx_list.indexrelid) WHERE pg_table_is_visible(pg_class.oid)) SELECT ndx_cols.relname AS CONSTRAINT_NAME, ndx_cols.CONSTRAINT_TYPE, a.attname AS COLUMN_NAME FROM pg_attribute a JOIN ndx_cols ON (a.attnum = ndx_cols.col_ndx) JOIN ndx_list ON (ndx_list.oid = a.attrelid AND ndx_list.indexrelid = ndx_cols.oid)

SELECT con.conname AS CONSTRAINT_NAME, con.confupdtype, con.confdeltype, a.attname, fa.attname, cl.relname FROM pg_constraint con JOIN LATERAL unnest(con.conkey) WITH ORDINALITY AS ord(attnum, pos) ON TRUE JOIN LATERAL unnest(con.confkey) WITH ORDINALITY AS ford(attnum, pos) ON ford.pos = ord.pos JOIN pg_attribute a ON a.attrelid = con.conrelid AND a.attnum = ord.attnum JOIN pg_attribute fa ON fa.attrelid = con.confrelid AND fa.attnum = ford.attnum JOIN pg_class cl ON cl.oid = con.confrelid WHERE con.contype = 'f' AND con.conrelid = '"Album"'::regclass ORDER BY con.conname, ord.pos

SELECT pg_encoding_to_char(conforencoding) FROM pg_conversion

SELECT proname, pg_get_function_identity_arguments(oid) FROM pg_proc WHERE pronamespace = 2200

-- pgweb
WITH all_objects AS (SELECT c.oid, n.nspname AS schema, c.relname AS name, CASE c.relkind WHEN 'r' THEN 'table' WHEN 'v' THEN 'view' WHEN 'm' THEN 'materialized_view' WHEN 'i' THEN 'index' WHEN 'S' THEN 'sequence' WHEN 's' THEN 'special' WHEN 'f' THEN 'foreign_table' END AS type, pg_catalog.pg_get_userbyid(c.relowner) AS owner, pg_catalog.obj_description(c.oid) AS comment FROM pg_catalog.pg_class c LEFT JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace WHERE c.relkind IN ('r','v','m','S','s','') AND n.nspname !~ '^pg_(toast|temp)' AND n.nspname NOT IN ('information_schema', 'pg_catalog') AND has_schema_privilege(n.nspname, 'USAGE') UNION SELECT p.oid, n.nspname AS schema, p.proname AS name, 'function' AS function, pg_catalog.pg_get_userbyid(p.proowner) AS owner, NULL AS comment FROM pg_catalog.pg_namespace n JOIN pg_catalog.pg_proc p ON p.pronamespace = n.oid WHERE n.nspname !~ '^pg_(toast|temp)' AND n.nspname NOT IN ('information_schema', 'pg_catalog')) SELECT * FROM all_objects ORDER BY 1, 2

-- rows differ: sizes
SELECT pg_size_pretty(pg_table_size('public."Artist"')) AS data_size, pg_size_pretty(pg_indexes_size('public."Artist"')) AS index_size, pg_size_pretty(pg_total_relation_size('public."Artist"')) AS total_size, (SELECT reltuples FROM pg_class WHERE oid = 'public."Artist"'::regclass) AS rows_count

SELECT session_user, current_user, current_database(), current_schemas(false), inet_client_addr() IS NOT NULL, inet_client_port() > 0, inet_server_addr() IS NOT NULL, inet_server_port() > 0

SELECT indexname, indexdef FROM pg_indexes WHERE schemaname = 'public' AND tablename = 'Artist' AND indexname LIKE '%pkey'

SELECT conname AS name, pg_get_constraintdef(c.oid, true) AS definition FROM pg_constraint c JOIN pg_namespace n ON n.oid = c.connamespace JOIN pg_class cl ON cl.oid = c.conrelid WHERE n.nspname = 'public' AND relname = 'Album' AND contype <> 'c' ORDER BY contype DESC

SELECT relname FROM pg_statio_user_tables ORDER BY relname

-- Hasura
SELECT "table".relname AS "table_name", coalesce(columns.info, '[]') AS "columns", coalesce(fkeys.info, '[]') AS "foreign_keys", pg_relation_is_updatable("table".oid, true) & 4 AS "updatable", to_jsonb("table".relkind = 'v') AS is_view FROM pg_class "table" JOIN jsonb_to_recordset('[{"schema": "public", "name": "Album"}, {"schema": "public", "name": "pairs"}]'::jsonb) AS tracked(schema text, name text) ON tracked.name = "table".relname LEFT JOIN pg_description description ON description.classoid = 'pg_catalog.pg_class'::regclass AND description.objoid = "table".oid AND description.objsubid = 0 LEFT JOIN LATERAL (SELECT jsonb_agg(jsonb_build_object('name', "column".attname, 'position', "column".attnum, 'type', coalesce(base_type.typname, "type".typname), 'is_nullable', NOT "column".attnotnull) ORDER BY "column".attnum) AS info FROM pg_attribute "column" LEFT JOIN pg_type "type" ON "type".oid = "column".atttypid LEFT JOIN pg_type base_type ON "type".typtype = 'd' AND base_type.oid = "type".typbasetype WHERE "column".attrelid = "table".oid AND "column".attnum > 0 AND NOT "column".attisdropped) columns ON true LEFT JOIN LATERAL (SELECT jsonb_agg(jsonb_build_object('constraint', jsonb_build_object('name', fk.conname), 'columns', fk.cols) ORDER BY fk.conname) AS info FROM (SELECT c.conname, (SELECT jsonb_agg(a.attname ORDER BY a.attnum) FROM pg_attribute a WHERE a.attrelid = c.conrelid AND a.attnum = ANY(c.conkey)) AS cols FROM pg_constraint c WHERE c.conrelid = "table".oid AND c.contype = 'f') fk) fkeys ON true WHERE "table".relkind IN ('r', 't', 'v', 'm', 'f', 'p')

SELECT p.proname, (SELECT json_agg(json_build_object('name', t.typname) ORDER BY pat.ordinality) FROM unnest(COALESCE(p.proallargtypes, p.proargtypes::oid[])) WITH ORDINALITY pat(oid, ordinality) LEFT JOIN pg_type t ON t.oid = pat.oid) AS args, to_json(COALESCE(p.proargnames, ARRAY[]::text[])) AS names FROM pg_proc p WHERE p.proname IN ('pg_get_keywords', 'format_type') AND NOT EXISTS (SELECT 1 FROM pg_aggregate WHERE pg_aggregate.aggfnoid::oid = p.oid)

SELECT c.conname, array_agg(a.attname::text ORDER BY k.ord) FROM (SELECT conname, conrelid, unnest(conkey) AS attnum, generate_series(1, array_length(conkey, 1)) AS ord FROM pg_constraint WHERE contype IN ('p', 'u')) k JOIN pg_constraint c ON c.conname = k.conname JOIN pg_attribute a ON a.attrelid = k.conrelid AND a.attnum = k.attnum WHERE c.connamespace = 2200 GROUP BY c.conname

-- PostGraphile
with namespace as (select nsp.oid as "id", nsp.nspname as "name", dsc.description as "description" from pg_catalog.pg_namespace as nsp left join pg_catalog.pg_description as dsc on dsc.objoid = nsp.oid and dsc.classoid = 'pg_catalog.pg_namespace'::regclass where nsp.nspname = any (array['public']) order by nsp.nspname), class as (select rel.oid as "id", rel.relname as "name", rel.relkind as "classKind", nsp.oid as "namespaceId", rel.reltype as "typeId", not (rel.relkind in ('v', 'm')) as "isSelectable", (pg_catalog.pg_relation_is_updatable(rel.oid, true)::bit(8) & B'00010000') = B'00010000' as "isUpdatable", pg_catalog.has_table_privilege(rel.oid, 'SELECT') as "aclSelectable", exists(select 1 from pg_catalog.pg_attribute where attrelid = rel.oid and pg_catalog.has_column_privilege(rel.oid, attname, 'UPDATE')) as "aclUpdatable" from pg_catalog.pg_class as rel join pg_catalog.pg_namespace as nsp on nsp.oid = rel.relnamespace where rel.relpersistence in ('p') and rel.relkind in ('r', 'v', 'm', 'c', 'f') and nsp.nspname = 'public') select row_to_json(x) as object from namespace as x

-- Rails
SELECT t.oid, t.typname, t.typelem, t.typdelim, t.typinput, r.rngsubtype, t.typtype, t.typbasetype FROM pg_type AS t LEFT JOIN pg_range AS r ON oid = rngtypid WHERE t.typname IN ('int2', 'int4', 'int8', 'oid', 'float4', 'float8', 'numeric', 'bool')

SELECT a.attname, format_type(a.atttypid, a.atttypmod), a.attnotnull, a.atttypid, a.atttypmod, c.collname, col_description(a.attrelid, a.attnum) AS comment, attidentity AS identity, attgenerated AS attgenerated FROM pg_attribute a LEFT JOIN pg_attrdef d ON a.attrelid = d.adrelid AND a.attnum = d.adnum LEFT JOIN pg_type t ON a.atttypid = t.oid LEFT JOIN pg_collation c ON a.attcollation = c.oid AND a.attcollation <> t.typcollation WHERE a.attrelid = '"Artist"'::regclass AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum

SELECT distinct i.relname, d.indisunique, d.indkey, pg_get_indexdef(d.indexrelid) LIKE 'CREATE %INDEX%', pg_catalog.obj_description(i.oid, 'pg_class') AS comment, d.indisvalid FROM pg_class t INNER JOIN pg_index d ON t.oid = d.indrelid INNER JOIN pg_class i ON d.indexrelid = i.oid LEFT JOIN pg_namespace n ON n.oid = t.relnamespace WHERE i.relkind IN ('i', 'I') AND d.indisprimary = 'f' AND t.relname = 'Album' AND n.nspname = ANY (current_schemas(false)) ORDER BY i.relname

SELECT t2.oid::regclass::text AS to_table, a1.attname AS column, a2.attname AS primary_key, c.conname AS name, c.confupdtype AS on_update, c.confdeltype AS on_delete, c.convalidated AS valid, c.condeferrable AS deferrable, c.condeferred AS deferred, c.conkey, c.confkey, c.conrelid, c.confrelid FROM pg_constraint c JOIN pg_class t1 ON c.conrelid = t1.oid JOIN pg_class t2 ON c.confrelid = t2.oid JOIN pg_attribute a1 ON a1.attnum = c.conkey[1] AND a1.attrelid = t1.oid JOIN pg_attribute a2 ON a2.attnum = c.confkey[1] AND a2.attrelid = t2.oid JOIN pg_namespace t3 ON c.connamespace = t3.oid WHERE c.contype = 'f' AND t1.relname = 'Album' AND t3.nspname = ANY (current_schemas(false)) ORDER BY c.conname

SELECT a.attname FROM (SELECT indrelid, indkey, generate_subscripts(indkey, 1) idx FROM pg_index WHERE indrelid = 'pairs'::regclass AND indisprimary) i JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = i.indkey[i.idx] ORDER BY i.idx

SELECT attr.attname, nsp.nspname, seq.relname FROM pg_class seq, pg_attribute attr, pg_depend dep, pg_constraint cons, pg_namespace nsp WHERE seq.oid = dep.objid AND seq.relkind = 'S' AND attr.attrelid = dep.refobjid AND attr.attnum = dep.refobjsubid AND attr.attrelid = cons.conrelid AND attr.attnum = cons.conkey[1] AND seq.relnamespace = nsp.oid AND cons.contype = 'p' AND dep.classid = 'pg_class'::regclass AND dep.refobjid = '"Artist"'::regclass

-- Prisma
SELECT tbl.relname AS table_name, namespace.nspname AS namespace, (tbl.relhassubclass AND tbl.relkind = 'p') AS is_partition, (tbl.relhassubclass AND tbl.relkind = 'r') AS has_subclass, tbl.relrowsecurity AS has_row_level_security, reloptions, obj_description(tbl.oid, 'pg_class') AS description FROM pg_class AS tbl INNER JOIN pg_namespace AS namespace ON namespace.oid = tbl.relnamespace WHERE ((tbl.relkind = 'r' AND tbl.relispartition = 't') OR (tbl.relkind = 'r' AND tbl.relispartition = 'f') OR tbl.relkind = 'p') AND namespace.nspname = ANY ('{public}'::text[]) ORDER BY namespace, table_name

-- rows differ: the text of a default
SELECT oid.namespace, info.table_name, info.column_name, format_type(att.atttypid, att.atttypmod) AS formatted_type, info.numeric_precision, info.numeric_scale, info.numeric_precision_radix, info.datetime_precision, info.data_type, info.udt_schema AS type_schema_name, info.udt_name AS full_data_type, pg_get_expr(attdef.adbin, attdef.adrelid) AS column_default, info.is_nullable, info.is_identity, info.character_maximum_length, col_description(att.attrelid, ordinal_position) AS description FROM information_schema.columns info JOIN pg_attribute att ON att.attname = info.column_name JOIN (SELECT pg_class.oid, relname, pg_namespace.nspname AS namespace FROM pg_class JOIN pg_namespace ON pg_namespace.oid = pg_class.relnamespace AND pg_namespace.nspname = ANY ('{public}'::text[]) WHERE reltype > 0) AS oid ON oid.oid = att.attrelid AND relname = info.table_name AND namespace = info.table_schema LEFT JOIN pg_attrdef attdef ON attdef.adrelid = att.attrelid AND attdef.adnum = att.attnum AND table_schema = namespace WHERE table_schema = ANY ('{public}'::text[]) ORDER BY namespace, table_name, ordinal_position

WITH rawindex AS (SELECT indrelid, indexrelid, indisunique, indisprimary, unnest(indkey) AS indkeyid, generate_subscripts(indkey, 1) AS indkeyidx, unnest(indclass) AS indclass, unnest(indoption) AS indoption FROM pg_index WHERE indpred IS NULL AND NOT indisexclusion) SELECT schemainfo.nspname AS namespace, indexinfo.relname AS index_name, tableinfo.relname AS table_name, columninfo.attname AS column_name, rawindex.indisunique AS is_unique, rawindex.indisprimary AS is_primary_key, rawindex.indkeyidx AS column_index, opclass.opcname AS opclass, opclass.opcdefault AS opcdefault, indexaccess.amname AS index_algo, CASE rawindex.indoption & 1 WHEN 1 THEN 'DESC' ELSE 'ASC' END AS column_order, CASE rawindex.indoption & 2 WHEN 2 THEN true ELSE false END AS nulls_first, pc.condeferrable AS condeferrable, pc.condeferred AS condeferred FROM rawindex INNER JOIN pg_class AS tableinfo ON tableinfo.oid = rawindex.indrelid INNER JOIN pg_class AS indexinfo ON indexinfo.oid = rawindex.indexrelid INNER JOIN pg_namespace AS schemainfo ON schemainfo.oid = tableinfo.relnamespace LEFT JOIN pg_attribute AS columninfo ON columninfo.attrelid = tableinfo.oid AND columninfo.attnum = rawindex.indkeyid INNER JOIN pg_am AS indexaccess ON indexaccess.oid = indexinfo.relam LEFT JOIN pg_opclass AS opclass ON opclass.oid = rawindex.indclass LEFT JOIN pg_constraint pc ON rawindex.indexrelid = pc.conindid AND pc.contype <> 'f' WHERE schemainfo.nspname = ANY ('{public}'::text[]) AND columninfo.attname IS NOT NULL ORDER BY namespace, table_name, index_name, column_index

-- Drizzle Studio, Supabase-like inspection
SELECT c.relname, json_agg(json_build_object('name', a.attname, 'type', format_type(a.atttypid, a.atttypmod), 'default', a.atthasdef) ORDER BY a.attnum) FILTER (WHERE a.attnum > 0) AS columns, count(*) FILTER (WHERE a.attnotnull) > 0 AS required FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'v') AND a.attnum > 0 GROUP BY c.oid, c.relname

SELECT (aclexplode(nspacl)).* FROM pg_namespace WHERE oid = 2200

SELECT a ISNULL FROM (VALUES (1), (NULL)) v(a)

SELECT a, b FROM unnest(ARRAY[1], ARRAY['x', 'y']) AS t(a, b)
