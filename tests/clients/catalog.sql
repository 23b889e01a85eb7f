SELECT oid, relname, relnamespace, reltype, relam, relhasindex, relkind, relnatts, relchecks, relhasrules, relhastriggers, relrowsecurity, relispopulated, relreplident, relispartition, relpersistence, relisshared, reloptions, relpartbound FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'i', 'S')

SELECT c.relname, a.attname, a.atttypid::regtype, a.attlen, a.attnum, a.atttypmod, a.attndims, a.attbyval, a.attalign, a.attstorage, a.atthasdef, a.attidentity, a.attgenerated, a.attisdropped, a.attislocal, a.attinhcount, a.attcollation FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'v', 'S') AND a.attnum > 0

SELECT a.attrelid::regclass, a.attname, a.attnum, a.atttypid::regtype FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid WHERE c.relnamespace = 'public'::regnamespace AND c.relkind = 'i'

SELECT t.oid, t.typname, t.typnamespace, t.typlen, t.typbyval, t.typtype, t.typcategory, t.typispreferred, t.typisdefined, t.typdelim, t.typrelid, t.typsubscript, t.typelem, t.typarray, t.typinput, t.typoutput, t.typreceive, t.typsend, t.typmodin, t.typmodout, t.typanalyze, t.typalign, t.typstorage, t.typnotnull, t.typbasetype, t.typtypmod, t.typndims, t.typcollation FROM pg_type t WHERE t.typnamespace = 'public'::regnamespace

SELECT * FROM pg_type WHERE oid < 10000 ORDER BY oid

SELECT i.indexrelid::regclass, i.indrelid::regclass, i.indnatts, i.indnkeyatts, i.indisunique, i.indnullsnotdistinct, i.indisprimary, i.indisexclusion, i.indimmediate, i.indisclustered, i.indisvalid, i.indcheckxmin, i.indisready, i.indislive, i.indisreplident, i.indkey, i.indoption, pg_get_expr(i.indexprs, i.indrelid) AS expressions FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid WHERE c.relnamespace = 'public'::regnamespace

SELECT conname, connamespace, contype, condeferrable, condeferred, convalidated, conrelid, contypid, conindid, conparentid, confrelid, confupdtype, confdeltype, confmatchtype, conislocal, coninhcount, connoinherit, conkey, confkey, confdelsetcols FROM pg_constraint WHERE connamespace = 'public'::regnamespace

SELECT conname, pg_get_constraintdef(oid), pg_get_constraintdef(oid, true) FROM pg_constraint WHERE connamespace = 'public'::regnamespace AND contype <> 'c'

SELECT tgname, tgrelid, tgparentid, tgfoid, tgtype, tgenabled, tgisinternal, tgconstrrelid, tgconstraint, tgdeferrable, tgnargs, tgattr, tgoldtable, pg_get_triggerdef(oid) LIKE 'CREATE TRIGGER %' AS defined FROM pg_trigger WHERE NOT tgisinternal

SELECT ev_class::regclass, rulename, ev_type, ev_enabled, is_instead FROM pg_rewrite WHERE oid >= 16384

SELECT proname, pronamespace, proowner, prolang, procost, prorows, provariadic, prosupport, prokind, prosecdef, proleakproof, proisstrict, proretset, provolatile, proparallel, pronargs, pronargdefaults, prorettype::regtype, proargtypes, proallargtypes, proargmodes, proargnames, prosrc, probin, proconfig FROM pg_proc WHERE pronamespace = 'public'::regnamespace

SELECT p.oid::regprocedure, pg_get_function_arguments(p.oid), pg_get_function_identity_arguments(p.oid), pg_get_function_result(p.oid), pg_get_functiondef(p.oid) FROM pg_proc p WHERE pronamespace = 'public'::regnamespace

SELECT seqrelid, seqtypid, seqstart, seqincrement, seqmax, seqmin, seqcache, seqcycle FROM pg_sequence

SELECT schemaname, sequencename, data_type, start_value, min_value, max_value, increment_by, cycle, cache_size FROM pg_sequences

SELECT last_value, is_called FROM public."Artist_ArtistId_seq"

SELECT pg_get_serial_sequence('"Artist"', 'ArtistId'), pg_get_serial_sequence('pairs', 'b'), pg_sequence_last_value('"Artist_ArtistId_seq"'::regclass)

SELECT classid::regclass, objid, objsubid, refclassid::regclass, refobjid, refobjsubid, deptype FROM pg_depend WHERE classid IN ('pg_class'::regclass, 'pg_constraint'::regclass, 'pg_attrdef'::regclass, 'pg_type'::regclass) AND objid >= 16384 AND refclassid IN ('pg_class'::regclass, 'pg_constraint'::regclass, 'pg_type'::regclass) AND NOT objid::regclass::text LIKE '%toast%' AND deptype IN ('a', 'i') AND NOT (classid = 'pg_attrdef'::regclass AND refobjsubid = 0)

SELECT oid, nspname, nspowner FROM pg_namespace WHERE oid < 16384 AND oid <> 11100

SELECT nspname, a.grantee::regrole, privilege_type, is_grantable FROM pg_namespace, aclexplode(nspacl) a WHERE nspname = 'public'

SELECT * FROM pg_am

SELECT * FROM pg_language

SELECT * FROM pg_extension

SELECT roleid::regrole, member::regrole, admin_option FROM pg_auth_members

SELECT oid, rolname, rolsuper, rolinherit, rolcreaterole, rolcreatedb, rolcanlogin, rolreplication, rolconnlimit, rolbypassrls FROM pg_roles WHERE rolname LIKE 'pg%'

SELECT oid, spcname FROM pg_tablespace

SELECT * FROM pg_cast

SELECT * FROM pg_range

SELECT * FROM pg_aggregate

SELECT oid, proname, prorettype, proargtypes, provolatile FROM pg_proc WHERE pronamespace = 11 AND oid < 12000 AND proname NOT LIKE 'binary_upgrade%'

SELECT * FROM pg_operator

SELECT * FROM pg_opclass

SELECT * FROM pg_opfamily

SELECT * FROM pg_amop

SELECT * FROM pg_amproc

SELECT * FROM pg_conversion

SELECT * FROM pg_ts_config

SELECT oid, dictname, dictnamespace, dicttemplate, dictinitoption FROM pg_ts_dict

SELECT * FROM pg_ts_parser

SELECT * FROM pg_ts_template

SELECT mapcfg::regconfig, maptokentype, mapdict::regdictionary FROM pg_ts_config_map WHERE mapcfg = 'english'::regconfig

SELECT * FROM pg_inherits

SELECT * FROM pg_enum

SELECT * FROM pg_policy

SELECT * FROM pg_statistic_ext

SELECT * FROM pg_foreign_table

SELECT * FROM pg_foreign_server

SELECT * FROM pg_event_trigger

SELECT * FROM pg_publication

SELECT * FROM pg_subscription

SELECT * FROM pg_db_role_setting WHERE setdatabase <> 0

SELECT * FROM pg_default_acl

SELECT * FROM pg_largeobject_metadata

SELECT * FROM pg_matviews

SELECT * FROM pg_policies

SELECT * FROM pg_seclabels

SELECT * FROM pg_user_mappings

SELECT * FROM pg_prepared_xacts

SELECT * FROM pg_replication_slots

SELECT * FROM pg_shseclabel

SELECT tablename, hasindexes, hasrules, hastriggers, rowsecurity, tablespace FROM pg_tables WHERE schemaname = 'public'

SELECT schemaname, tablename, indexname, tablespace, indexdef FROM pg_indexes WHERE schemaname = 'public'

SELECT schemaname, viewname FROM pg_views WHERE schemaname = 'public'

SELECT description FROM pg_description WHERE objoid = 'pg_class'::regclass OR objoid = 1242 OR objoid = 2200

SELECT obj_description(1242, 'pg_proc'), obj_description('"Artist"'::regclass, 'pg_class'), col_description('"Artist"'::regclass, 1), shobj_description(999999, 'pg_database')

SELECT pg_get_indexdef('"IFK_AlbumArtist"'::regclass, 0, true), pg_get_indexdef('"IFK_AlbumArtist"'::regclass, 2, true), pg_get_indexdef('album_kind_lower'::regclass, 1, false), pg_get_indexdef('album_kind_lower'::regclass)

SELECT pg_index_column_has_property('"IFK_AlbumArtist"'::regclass, 2, p) FROM unnest(ARRAY['asc', 'desc', 'nulls_first', 'nulls_last', 'orderable', 'distance_orderable', 'returnable', 'search_array', 'search_nulls', 'nonsense']) p

SELECT unnest(indkey) AS attnum, generate_subscripts(indkey, 1) AS ord, array_upper(indkey, 1) AS upper, array_lower(indkey, 1) AS lower FROM pg_index WHERE indexrelid = '"IFK_AlbumArtist"'::regclass

SELECT (information_schema._pg_expandarray(indkey)).n, (information_schema._pg_expandarray(indkey)).x FROM pg_index WHERE indexrelid = 'pairs_pkey'::regclass

SELECT c.relname, x.tableoid::regclass FROM pg_class c LEFT JOIN pg_constraint x ON x.conindid = c.oid AND x.contype IN ('p', 'u') WHERE c.relkind = 'i' AND c.relnamespace = 'public'::regnamespace

SELECT nspname FROM pg_namespace n WHERE (n.nspname = 'public' AND EXISTS (SELECT 1 FROM pg_class WHERE relname = 'pairs' AND relnamespace = n.oid LIMIT 1)) OR (n.nspname = 'information_schema' AND EXISTS (SELECT 1 FROM pg_class WHERE relname = 'tables' AND relnamespace = n.oid LIMIT 1))

SELECT 412::regoper, 412::regoperator, 870::regproc, 870::regprocedure, '"Artist"'::regclass, 3748::regconfig, 3765::regdictionary, '"C"'::regcollation, 'lower(text)'::regprocedure, '=(int4,int4)'::regoperator, 'pairs'::regtype, 'pairs[]'::regtype, 6171::regrole, 2200::regnamespace

SELECT to_regclass('nowhere'), to_regclass('"Artist"'), to_regtype('"Artist"'), to_regtype('nothing'), to_regproc('now'), to_regprocedure('lower(text)'), to_regnamespace('public'), to_regrole('nobody')

SELECT format_type('pairs'::regtype, NULL), format_type(1043, 24), format_type(1700, 655366), format_type(1184, 3), format_type(1009, NULL), format_type(0, NULL), format_type(99999999, NULL)

SELECT has_table_privilege('"Artist"', 'SELECT, INSERT'), has_column_privilege('"Artist"', 'Name', 'UPDATE'), has_any_column_privilege('"Artist"', 'SELECT'), has_schema_privilege('public', 'CREATE'), has_database_privilege(current_database(), 'CREATE'), has_sequence_privilege('"Artist_ArtistId_seq"', 'USAGE')

SELECT has_table_privilege('"Artist"', 'READ')

SELECT pg_table_is_visible('"Artist"'::regclass), pg_type_is_visible('pairs'::regtype), pg_function_is_visible('album_audit'::regproc), pg_table_is_visible('information_schema.tables'::regclass)

SELECT name, setting, unit, category, short_desc, context, vartype, min_val, max_val, enumvals, boot_val, current_setting(name) FROM pg_settings WHERE name IN ('work_mem', 'shared_buffers', 'deadlock_timeout', 'bytea_output', 'checkpoint_timeout', 'max_identifier_length')

SELECT pg_encoding_to_char(n), pg_char_to_encoding(pg_encoding_to_char(n)) FROM generate_series(0, 45) n

SELECT * FROM pg_get_keywords()

SELECT * FROM ts_token_type('default')

SELECT pg_size_pretty(n) FROM unnest(ARRAY[0, 10239, 10240, 1048576, 123456789012]) n

SELECT table_catalog, table_schema, table_name, table_type, is_insertable_into, is_typed FROM information_schema.tables WHERE table_schema = 'public'

SELECT table_name, column_name, ordinal_position, data_type, character_maximum_length, character_octet_length, numeric_precision, numeric_precision_radix, numeric_scale, datetime_precision, udt_catalog, udt_schema, udt_name, dtd_identifier, is_self_referencing, is_identity, identity_generation, identity_start, identity_increment, identity_maximum, identity_minimum, identity_cycle, is_generated FROM information_schema.columns WHERE table_schema = 'public' AND table_name NOT IN ('AlbumsByArtist', 'busy')

SELECT constraint_schema, constraint_name, table_name, constraint_type, is_deferrable, initially_deferred, enforced FROM information_schema.table_constraints WHERE table_schema = 'public' AND constraint_name NOT LIKE '%_not_null'

SELECT constraint_name, table_name, column_name, ordinal_position, position_in_unique_constraint FROM information_schema.key_column_usage WHERE table_schema = 'public'

SELECT constraint_name, table_name, column_name FROM information_schema.constraint_column_usage WHERE table_schema = 'public'

SELECT constraint_name, table_name FROM information_schema.constraint_table_usage WHERE table_schema = 'public'

SELECT constraint_name, unique_constraint_name, match_option, update_rule, delete_rule FROM information_schema.referential_constraints

SELECT schema_name, schema_owner FROM information_schema.schemata WHERE schema_name IN ('public', 'information_schema')

SELECT trigger_name, event_manipulation, event_object_table, action_order, action_orientation, action_timing FROM information_schema.triggers

SELECT trigger_name, event_object_table, event_object_column FROM information_schema.triggered_update_columns

SELECT * FROM information_schema.sequences

SELECT table_name, check_option, is_updatable FROM information_schema.views WHERE table_schema = 'public' AND table_name = 'AlbumsByArtist'

SELECT view_name, table_name FROM information_schema.view_table_usage WHERE view_schema = 'public'

SELECT routine_name, routine_type, data_type, external_language FROM information_schema.routines WHERE routine_schema = 'public'

SELECT * FROM information_schema.domains WHERE domain_schema = 'public'

SELECT table_name, privilege_type, is_grantable FROM information_schema.table_privileges WHERE table_schema = 'public'

SELECT table_name, column_name, privilege_type FROM information_schema.column_privileges WHERE table_schema = 'public' AND table_name = 'pairs'

SELECT character_set_name, character_repertoire, form_of_use, default_collate_catalog FROM information_schema.character_sets

SELECT * FROM information_schema.sql_features WHERE feature_id LIKE 'E0%'

SELECT a.attrelid::regclass, a.attname, a.attnum, a.atttypid::regtype, a.attlen, a.attnotnull, a.attbyval, a.attalign, a.attstorage, a.attcollation, a.attcacheoff, a.attislocal, a.atthasdef FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid WHERE a.attnum < 0 AND c.relkind IN ('r', 'v', 'S') AND (c.relnamespace = 'public'::regnamespace OR c.relname IN ('pg_class', 'pg_tables'))

SELECT format_type(1560, 8), format_type(1562, 8), format_type(1562, -1), format_type(1560, -1), format_type(1560, NULL), format_type(1561, 8)

SELECT r.rolname, t.p, has_table_privilege(r.rolname, '"Artist"', t.p), has_table_privilege(r.oid, 'pg_class'::regclass, t.p) FROM pg_roles r, unnest(ARRAY['SELECT', 'INSERT', 'UPDATE', 'DELETE', 'TRUNCATE', 'REFERENCES', 'TRIGGER']) t(p) WHERE r.rolname LIKE 'pg%'

SELECT r.rolname, has_schema_privilege(r.rolname, 'public', 'USAGE'), has_schema_privilege(r.rolname, 'public', 'CREATE'), has_database_privilege(r.rolname, current_database(), 'CONNECT'), has_database_privilege(r.rolname, current_database(), 'TEMP'), has_database_privilege(r.rolname, current_database(), 'CREATE') FROM pg_roles r WHERE r.rolname LIKE 'pg%'

SELECT relname FROM pg_class WHERE relnamespace = 11 AND relkind IN ('r', 'v') AND NOT has_table_privilege('pg_monitor', oid, 'SELECT')

SELECT has_table_privilege('public', '"Artist"', 'SELECT'), has_schema_privilege('public', 'public', 'USAGE'), has_table_privilege(current_user, '"Artist"', 'DELETE'), current_setting('is_superuser')

SELECT (pg_get_keywords()).* LIMIT 1

SELECT (aclexplode(nspacl)).privilege_type, (aclexplode(nspacl)).* FROM pg_namespace WHERE oid = 2200
