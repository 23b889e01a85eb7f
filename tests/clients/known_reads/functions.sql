SELECT pg_catalog.format_type(NULL, NULL), pg_catalog.format_type(1043, 14), pg_catalog.format_type(1043::oid, -1), pg_catalog.format_type('int4'::regtype, NULL), pg_catalog.format_type(0, NULL), pg_catalog.format_type(99999999, 5), format_type(1007, NULL), format_type(1560, NULL), format_type(1562, NULL), format_type(1186, NULL), format_type(1266, 3), format_type(1002, NULL), format_type(1015, 20), format_type(1231, 655366)

SELECT pg_catalog.pg_get_expr(NULL, NULL), pg_catalog.pg_get_expr(NULL, 0, true), pg_get_expr(adbin, adrelid, false), pg_get_expr(adbin, 0) FROM pg_attrdef WHERE adrelid = '"Artist"'::regclass AND adnum = 6

SELECT pg_get_constraintdef(NULL), pg_catalog.pg_get_constraintdef(0), pg_get_constraintdef(NULL::oid, true), pg_get_constraintdef(oid, NULL) FROM pg_constraint WHERE conname = 'Artist_pkey'

SELECT pg_get_indexdef(NULL), pg_get_indexdef(0), pg_get_indexdef(0, 1, true), pg_get_indexdef('pairs_pkey'::regclass), pg_get_indexdef('pairs_pkey'::regclass::oid, 0, false), pg_get_indexdef('pairs_pkey'::regclass, 1, true), pg_get_indexdef('pairs_pkey'::regclass, 9, true), pg_get_indexdef('pairs_pkey'::regclass, NULL, true)

SELECT pg_get_viewdef(NULL::oid), pg_get_viewdef(0), pg_get_viewdef('busy') IS NULL, pg_get_viewdef('public.busy'::regclass, true) IS NULL, pg_get_viewdef('busy'::text, false) IS NULL, pg_get_viewdef('busy'::regclass::oid, 80) IS NULL

SELECT pg_get_triggerdef(NULL), pg_get_triggerdef(0), pg_get_triggerdef(0, true), pg_get_ruledef(0), pg_get_ruledef(NULL, true), pg_get_functiondef(NULL), pg_get_functiondef(0), pg_get_function_arguments(0), pg_get_function_result(0), pg_get_function_identity_arguments(0), pg_get_function_sqlbody(0), pg_get_partkeydef(0), pg_get_statisticsobjdef_columns(0), pg_get_userbyid(0), pg_get_userbyid(NULL)

SELECT pg_get_function_arguments('format_type'::regproc), pg_get_function_result('format_type'::regproc::oid), pg_get_function_identity_arguments('pg_catalog.format_type(oid,integer)'::regprocedure), pg_get_function_arguments('pg_get_keywords'::regproc), pg_get_function_result('pg_get_keywords'::regproc), pg_get_function_arguments('string_agg(text,text)'::regprocedure), pg_get_function_arguments('concat'::regproc), pg_get_function_result('generate_series(int4,int4)'::regprocedure)

SELECT col_description('"Artist"'::regclass, 1), col_description(NULL, 1), obj_description(NULL), obj_description('"Artist"'::regclass), obj_description('"Artist"'::regclass, 'pg_class'), obj_description(11, 'pg_namespace'), pg_catalog.obj_description('pg_class'::regclass::oid, 'pg_class'::name), shobj_description(NULL, 'pg_database'), shobj_description(1, 'pg_authid'::name), obj_description('int4'::regtype, 'pg_type')

SELECT current_schema(), current_schemas(true), current_schemas(false), pg_catalog.current_schemas(NULL), pg_catalog.current_database(), current_catalog, current_role, user, session_user, current_user, current_schema

SELECT current_setting('server_version_num')::int / 10000, current_setting('nothing.here', true), current_setting(NULL), current_setting('search_path'), pg_catalog.set_config('search_path', 'public', false), set_config('a.b', NULL, true), current_setting('max_index_keys'), current_setting('block_size'), current_setting('server_encoding'), current_setting('lc_collate'), current_setting('standard_conforming_strings'), current_setting('integer_datetimes'), current_setting('default_transaction_isolation'), current_setting('transaction_read_only'), current_setting('max_identifier_length'), current_setting('TimeZone') IS NOT NULL

SELECT has_table_privilege('"Artist"', 'SELECT'), has_table_privilege('"Artist"'::regclass, 'select , insert'), has_table_privilege(current_user, '"Artist"', 'UPDATE WITH GRANT OPTION'), has_table_privilege(10, '"Artist"'::regclass, 'SELECT'), has_table_privilege('tester'::name, '"Artist"'::regclass, 'SELECT'), has_table_privilege(NULL, '"Artist"', 'SELECT'), has_table_privilege(0, 'SELECT'), has_table_privilege(99999999, 'SELECT')

SELECT has_schema_privilege('public', 'CREATE'), has_schema_privilege(2200, 'USAGE'), has_schema_privilege('tester', 'pg_catalog', 'USAGE,CREATE'), has_schema_privilege(NULL, 'USAGE'), has_database_privilege(NULL, 'CONNECT'), has_database_privilege('tester', current_database(), 'TEMP'), has_function_privilege('format_type(oid,int4)', 'EXECUTE'), has_function_privilege(1242, 'EXECUTE'), has_function_privilege('tester', 1242, 'EXECUTE'), has_language_privilege('plpgsql', 'USAGE'), has_type_privilege('int4', 'USAGE'), has_tablespace_privilege('pg_default', 'CREATE'), has_sequence_privilege('"Artist_ArtistId_seq"', 'USAGE'), has_column_privilege('"Artist"', 1::int2, 'SELECT'), has_column_privilege('"Artist"'::regclass, 'Name', 'SELECT'), has_column_privilege('tester', '"Artist"', 'Name', 'UPDATE'), has_any_column_privilege('tester', '"Artist"'::regclass, 'SELECT'), pg_has_role('tester', 'pg_monitor', 'USAGE'), pg_has_role('pg_monitor', 'MEMBER'), pg_has_role(10, 10, 'USAGE'), pg_has_role(NULL, 'USAGE'), has_parameter_privilege('work_mem', 'SET')

SELECT acldefault('r', 10), acldefault('s'::"char", 10), acldefault('d', 10), acldefault('n', 10), acldefault('f', 10), acldefault('T', 10), acldefault('l', 10), acldefault('t', 10), acldefault('c', 10), acldefault('p', 10), acldefault('F', 10), acldefault('S', 10), acldefault(NULL, 10), acldefault('L', 10)

SELECT a.grantor::regrole, a.grantee, a.privilege_type, a.is_grantable FROM aclexplode(acldefault('r', 10)) a

SELECT aclexplode(NULL)

SELECT pg_table_is_visible(NULL), pg_table_is_visible(0), pg_table_is_visible('pg_class'::regclass), pg_table_is_visible('information_schema.tables'::regclass), pg_type_is_visible(0), pg_type_is_visible('int4'::regtype), pg_function_is_visible(0), pg_collation_is_visible(100), pg_collation_is_visible(0), pg_opclass_is_visible(0), pg_opfamily_is_visible(0), pg_operator_is_visible(96), pg_operator_is_visible(0), pg_conversion_is_visible(0), pg_ts_config_is_visible(0), pg_ts_dict_is_visible(0), pg_ts_parser_is_visible(0), pg_ts_template_is_visible(0), pg_statistics_obj_is_visible(0)

SELECT to_regclass('nothing'), to_regclass('pg_class'), to_regclass('"Artist"'), to_regclass('public."Artist"'), to_regclass(NULL), to_regtype('nothing'), to_regtype('int'), to_regtype('character varying(10)'), to_regtype('int4[]'), to_regtype('timestamp with time zone'), to_regproc('nothing'), to_regproc('format_type'), to_regprocedure('format_type(oid, integer)'), to_regnamespace('public'), to_regnamespace('nothing'), to_regrole('tester'), to_regrole('nothing'), to_regoper('||/'), to_regoperator('+(int4,int4)'), to_regcollation('"C"'), to_regcollation('nothing')

SELECT '"Artist"'::regclass, 'public."Artist"'::regclass::oid IS NULL, '"Artist"'::regclass::text, '"Artist"'::regclass::varchar, 1259::regclass, 1259::oid::regclass::text, '1259'::regclass, (1259)::regclass::oid::int8, 'pg_catalog.pg_class'::pg_catalog.regclass, 99999999::regclass, 'int4'::regtype::oid, 23::regtype, 'public'::regnamespace::oid, 2200::regnamespace::text, 'tester'::regrole::oid, 10::regrole::text, 'now'::regproc, 'now()'::regprocedure::oid, '+(int4,int4)'::regoperator, 551::regoper, 'english'::regconfig, 'simple'::regdictionary, '"default"'::regcollation

SELECT 'pg_class'::regclass = 1259, 1259 = 'pg_class'::regclass::oid, 'pg_class'::regclass IN (1259, 1), oid::regclass::text = 'pg_class', relnamespace::regnamespace::text, reltype::regtype FROM pg_class WHERE oid = 'pg_class'::regclass

SELECT quote_ident('a b'), quote_ident('select'), quote_ident('A'), quote_ident(NULL), quote_literal('a''b\c'), quote_literal(1), quote_literal(NULL), quote_nullable(NULL), quote_nullable(1.5), quote_nullable('x'), quote_ident('name'::name), quote_literal('n'::name)

SELECT pg_encoding_to_char(6), pg_encoding_to_char(-1), pg_encoding_to_char(NULL), pg_char_to_encoding('utf-8'), pg_char_to_encoding('UTF8'::name), pg_char_to_encoding('x'), getdatabaseencoding(), pg_client_encoding()

SELECT array_to_string(ARRAY[1, NULL, 3], ',', '*'), array_to_string(NULL::text[], ','), array_upper('{1,2}'::int[], 1), array_upper(NULL::int[], 1), array_upper('1 2'::int2vector, 1), array_lower('1 2'::oidvector, 1), array_length('1 2'::int2vector, 1), array_length('{}'::int[], 1), array_position(ARRAY['a', 'b'], 'b'), array_position(ARRAY[1, 2], NULL), array_remove(ARRAY[1, 2, 1], 1), array_remove(ARRAY['a', NULL], NULL), string_to_array('a,b,', ','), string_to_array(NULL, ','), string_to_array('a', NULL), array_ndims(ARRAY[[1], [2]]), cardinality(ARRAY[1, 2])

SELECT unnest(ARRAY[1, 2]), generate_subscripts('{a,b}'::text[], 1), generate_series(1, 2)

SELECT generate_subscripts('1 2 3'::int2vector, 1), generate_subscripts(ARRAY[[1, 2], [3, 4]], 2, true)

SELECT a, b, o FROM unnest(ARRAY[1, 2, 3], ARRAY['x', 'y']) WITH ORDINALITY AS t(a, b, o)

SELECT * FROM generate_series(1, 3) WITH ORDINALITY

SELECT x.n, x.i FROM (VALUES ('a', ARRAY[1, 2]), ('b', NULL)) v(k, a), LATERAL unnest(v.a) WITH ORDINALITY AS x(n, i)

SELECT v.k, x.n FROM (VALUES ('a', ARRAY[1, 2]), ('b', NULL)) v(k, a) LEFT JOIN LATERAL unnest(v.a) AS x(n) ON true

SELECT (information_schema._pg_expandarray(ARRAY['a', 'b'])).x, (information_schema._pg_expandarray('5 6'::int2vector)).n

SELECT * FROM pg_options_to_table(ARRAY['a=b', 'c'])

SELECT word, catcode, catdesc, barelabel, baredesc FROM pg_get_keywords() WHERE word LIKE 'a%'

SELECT like_escape('a_b', '#'), oidvectortypes('23 25'), oidvectortypes(''), pg_size_pretty(1024::int8), pg_size_pretty(123456789::numeric), pg_size_pretty(NULL::int8), pg_size_bytes('1 GB'), md5('a'), translate('abc', 'ab', 'x'), split_part('a.b', '.', 2), strpos('abc', 'c'), substr('abc', 2), substring('abc' from 2 for 1), substring('abc' from 'b.'), "substring"('abc', 2), btrim('"a"', '"'), trim(both '"' from '"a"'), ltrim('xa', 'x'), rtrim('ax', 'x'), bpchar('a'), encode('\x00ff'::bytea, 'escape'), encode('a'::bytea, 'hex'), convert_from('a'::bytea, 'UTF8'), ceil(1.2), round(1.55, 1), greatest(1, 2), least(1, NULL), nullif(1, 1), replace('a', 'a', 'b'), concat('a', NULL, 1), format('%I.%I %L %s', 'a b', 'c', 'd', 1), regexp_replace('abc', 'b', 'x', 'g'), lower('A'), upper('a'), length('abc'), length('abc'::name), chr(65), ascii('A'), left('abc', 2), right('abc', 1)

SELECT json_build_object('a', 1, 'b', NULL, 'c', 'x'::name), to_json('a'::text), row_to_json(ROW(1, 'a')), json_agg(x), array_agg(x), string_agg(x::text, ',' ORDER BY x DESC), bool_and(x > 0), bool_or(x > 1), min(x), max(x), count(*), sum(x) FROM generate_series(1, 2) x

SELECT pg_relation_size('pairs') > 0, pg_relation_size('pairs'::regclass, 'main') > 0, pg_table_size('pairs'::regclass::oid) > 0, pg_total_relation_size('public.pairs') > 0, pg_indexes_size('"Artist"'::regclass) > 0, pg_database_size(current_database()) > 0, pg_database_size((SELECT oid FROM pg_database WHERE datname = current_database())) > 0, pg_tablespace_size('pg_default') > 0, pg_tablespace_size(1663) > 0, pg_relation_size(NULL), pg_relation_size(0), pg_total_relation_size(99999999)

SELECT pg_tablespace_location(1663), pg_tablespace_location(0), pg_relation_filenode(0), pg_relation_filenode(NULL), pg_relation_filepath(0), pg_backend_pid() > 0, pg_is_in_recovery(), pg_is_other_temp_schema(0), pg_my_temp_schema(), pg_current_logfile(), pg_blocking_pids(1), pg_stat_get_last_vacuum_time(0), pg_stat_get_last_analyze_time(0), pg_wal_lsn_diff('0/2'::pg_lsn, '0/1'), pg_current_wal_lsn() IS NOT NULL, pg_last_wal_receive_lsn(), pg_postmaster_start_time() < now(), age(now()) < '1 hour', age(timestamp '2024-02-01', timestamp '2024-01-01'), txid_current() > 0, now() <= clock_timestamp(), timezone('UTC', timestamptz '2024-01-01 00:00+00'), extract(epoch from timestamp '2024-01-01'), extract(year from date '2024-01-01'), to_char(timestamp '2024-01-02', 'YYYY-MM-DD'), date_trunc('day', timestamp '2024-01-01 10:00')

SELECT pg_describe_object('pg_class'::regclass, 'pairs'::regclass, 0), pg_describe_object('pg_class'::regclass, 'pairs'::regclass, 1), pg_describe_object('pg_type'::regclass, 'int4'::regtype, 0), pg_describe_object('pg_namespace'::regclass, 2200, 0), pg_describe_object(0, 0, 0), pg_describe_object('pg_proc'::regclass, 1242, 0), pg_describe_object('pg_authid'::regclass, 10, 0), pg_describe_object('pg_collation'::regclass, 100, 0)

SELECT pg_index_column_has_property('pairs_pkey'::regclass, 1, 'asc'), pg_index_column_has_property('pairs_pkey'::regclass, 1, 'nulls_first'), pg_index_column_has_property('pairs_pkey'::regclass, 9, 'asc'), pg_index_has_property('pairs_pkey'::regclass, 'clusterable'), pg_indexam_has_property(403, 'can_order'), pg_indexam_has_property(405, 'can_order'), pg_indexam_has_property(783, 'can_exclude'), pg_indexam_has_property(403, 'nothing'), pg_relation_is_updatable('pairs'::regclass, true), pg_relation_is_updatable('busy'::regclass, false), pg_column_is_updatable('pairs'::regclass, 1::int2, false), pg_relation_is_publishable('pairs'), pg_relation_is_publishable('busy'::regclass)

SELECT pg_get_serial_sequence('"Artist"', 'ArtistId'), pg_get_serial_sequence('public."Artist"', 'Name'), pg_get_serial_sequence(NULL, 'a'), pg_sequence_last_value('"Artist_ArtistId_seq"')

SELECT 'r' = 'r'::"char", relkind = 'r', relkind = ANY (ARRAY['r', 'v']), relkind = ANY ('{r,v}'), relkind IN ('r', 'v'), relkind::text || 'x', relkind::char FROM pg_class WHERE relname = 'pairs'

SELECT relname = 'pairs'::name, relname::text ~ '^pa', relname ~ '^(pairs)$', relname !~ '^pg_', relname ~* 'PA', relname LIKE 'pa%', relname ILIKE 'PA%', relname NOT LIKE E'pg\\_%', relname || '.x', relname OPERATOR(pg_catalog.~) '^(pairs)$' COLLATE pg_catalog.default, relname COLLATE "C" < 'q', lower(relname), length(relname), relname = ANY(ARRAY['pairs'::name]), relname = ANY(ARRAY['pairs'::text]), relname = ANY(current_schemas(true)), relname::varchar(2), cast(relname as char(3)), upper(relname) FROM pg_class WHERE relname = 'pairs'

-- rows differ: a vector's elements are numbered from 1 once it is an array
SELECT indkey, indkey[0], indkey[1], indkey::int2[], indkey::text, indkey::int2[] @> ARRAY[1::int2], 1 = ANY(indkey), indclass[0]::regclass::oid > 0, array_to_string(indkey, ','), indoption[0] & 1, (indkey::int2[])[0:1], indkey::text[], string_to_array(indkey::text, ' ')::int2[], array_upper(indkey, 1), indkey = '1 2'::int2vector FROM pg_index WHERE indexrelid = 'pairs_pkey'::regclass

SELECT conkey, conkey[1], conkey && ARRAY[1::int2], conkey <@ '{1,2,3}'::int2[], 1 = ANY(conkey), conkey::int[], array_length(conkey, 1), conkey = ARRAY[1, 2]::int2[], conkey::text, (conkey)[1:1] FROM pg_constraint WHERE conname = 'pairs_pkey'

-- rows differ: a vector's elements are numbered from 1 once it is an array
SELECT proargtypes, proargtypes[0], proargtypes::regtype[], proargtypes::oid[], proargtypes::text, oidvectortypes(proargtypes), 26 = ANY(proargtypes), proallargtypes, proargmodes, proargnames, proargmodes::text[], proargnames[1], pronargs FROM pg_proc WHERE proname = 'format_type'

SELECT ARRAY(SELECT attname FROM pg_attribute WHERE attrelid = 'pairs'::regclass AND attnum > 0 ORDER BY attnum), ARRAY(SELECT attnum FROM pg_attribute WHERE attrelid = 'pairs'::regclass AND attnum > 0 ORDER BY attnum)::int[], array(select 1 where false)

SELECT a.attname, (SELECT count(*) FROM pg_attribute b WHERE b.attrelid = a.attrelid AND b.attnum > 0) FROM ONLY pg_attribute a WHERE a.attrelid = 'pairs'::regclass AND a.attnum > 0

SELECT DISTINCT ON (relkind) relkind, relname FROM pg_class WHERE relnamespace = 2200 ORDER BY relkind, relname DESC

SELECT c.oid::bigint AS "default", c.relname AS "table", c.relkind AS "primary", 1 AS "unique", 2 AS where, 3 AS to, 4 AS using, 5 AS deferrable, 6 AS when, 7 AS user, 8 AS select, 9 AS order, 10 AS check FROM pg_class c WHERE relname = 'pairs'

SELECT FROM pg_class WHERE relname = 'pairs'

SELECT tableoid, tableoid::regclass, oid, ctid IS NULL FROM pg_class WHERE relname = 'pairs'

SELECT c.tableoid::regclass, c.xmin::text::bigint > 0, c.cmin, c.xmax FROM pg_constraint c WHERE conname = 'pairs_pkey'

SELECT E'a\nb', $$x$$, $a$y$a$, U&'\0041', B'10', date '2024-01-01', interval '1 day', timestamp '2024-01-01 10:00', '1.5'::numeric(3, 1), 'abc'::varchar(2), 'abc'::char(2), '{1,2}'::int2[], '{a}'::name[], '{r}'::"char"[], '5'::xid, '0/1'::pg_lsn, '1 2'::oidvector, '[1,3)'::int4range, '10.0.0.1'::inet, '{"a": 1}'::jsonb

SELECT (SELECT 1) UNION ALL (SELECT 2 ORDER BY 1 LIMIT 1) ORDER BY 1

(SELECT 1 AS a) EXCEPT (SELECT 2) ORDER BY a LIMIT 1

SELECT x.a, y.b FROM (VALUES (1, 'x'), (2, 'y')) AS x(a, c) JOIN (SELECT 1 AS a, 'z' AS b) y USING (a)

SELECT a NOTNULL, a IS NOT DISTINCT FROM 1, (a > 1) IS UNKNOWN, (a > 1) IS TRUE FROM (VALUES (1), (NULL)) v(a)

WITH RECURSIVE t(n, path) AS (SELECT 1, ARRAY[1] UNION ALL SELECT n + 1, path || (n + 1) FROM t WHERE n < 3) SELECT n, path, NOT n = ANY(path) FROM t

SELECT row_number() OVER (PARTITION BY relkind ORDER BY relname), relname, count(*) OVER () FROM pg_class WHERE relnamespace = 2200 AND relkind = 'r'

SELECT count(*) FILTER (WHERE relkind = 'r'), array_agg(DISTINCT relkind::text ORDER BY relkind::text) FROM pg_class WHERE relnamespace = 2200

SELECT n.nspname, c.relname FROM pg_namespace n RIGHT JOIN (pg_class c LEFT JOIN pg_am a ON a.oid = c.relam) ON n.oid = c.relnamespace WHERE c.relname = 'pairs'

SELECT (n).nspname, n.nspname::regnamespace FROM pg_namespace n WHERE n.oid = 11

SELECT pg_catalog.pg_class.relname, pg_class.oid FROM pg_catalog.pg_class WHERE pg_catalog.pg_class.relname = 'pairs'

SELECT count(*) > 0 FROM pg_timezone_names() WHERE name = 'UTC'

SELECT count(*) > 100 FROM pg_show_all_settings()

SELECT * FROM pg_available_extension_versions() WHERE name = 'plpgsql'

SELECT * FROM pg_listening_channels()

SELECT * FROM pg_partition_tree('pairs')

SELECT pg_partition_root('pairs'::regclass)

SELECT CASE WHEN 1 = 1 THEN 'a' END, coalesce(NULL, 'x'), exists(select 1), 1 IN (SELECT 1), array[1], ARRAY[]::text[], NULL::int, '1'::text::int, true AND false, 1 + 1, -1, NOT true, cast(1 as bigint), (1), (SELECT 1), 'x' LIKE 'y', now() IS NULL, greatest(1), nullif(1, 2), current_date IS NULL, count(*) FROM generate_series(1, 1)
