-- rows differ: transactions
SELECT db.oid, db.* FROM pg_catalog.pg_database db WHERE datname = current_database()

-- rows differ: databases of the cluster
SELECT db.oid, db.*, pg_catalog.pg_encoding_to_char(db.encoding) AS encoding_name FROM pg_catalog.pg_database db WHERE datallowconn AND NOT datistemplate ORDER BY db.datname

SELECT current_schema(), session_user

SELECT n.oid, n.*, d.description FROM pg_catalog.pg_namespace n LEFT OUTER JOIN pg_catalog.pg_description d ON d.objoid = n.oid AND d.objsubid = 0 AND d.classoid = 'pg_namespace'::regclass ORDER BY nspname

SHOW search_path

SELECT * FROM pg_catalog.pg_settings WHERE name = 'standard_conforming_strings'

SELECT string_agg(word, ',') FROM pg_catalog.pg_get_keywords() WHERE word <> ALL ('{a,abs,absolute,action,ada,add,admin,after,all,allocate,alter,always,and,any}'::text[])

-- rows differ: the release
SELECT version()

SELECT 1 FROM pg_catalog.pg_enum WHERE 1<>1 LIMIT 1

SELECT reltype FROM pg_catalog.pg_class WHERE 1<>1 LIMIT 1

SELECT typcategory FROM pg_catalog.pg_type WHERE 1<>1 LIMIT 1

SELECT t.oid, t.*, c.relkind, format_type(nullif(t.typbasetype, 0), t.typtypmod) AS base_type_name, d.description FROM pg_catalog.pg_type t LEFT OUTER JOIN pg_catalog.pg_type et ON et.oid = t.typelem LEFT OUTER JOIN pg_catalog.pg_class c ON c.oid = t.typrelid LEFT OUTER JOIN pg_catalog.pg_description d ON t.oid = d.objoid WHERE t.typname IS NOT NULL AND (c.relkind IS NULL OR c.relkind = 'c') AND (et.typcategory IS NULL OR et.typcategory <> 'C')

-- rows differ: relfilenode, relpages, reltuples, relfrozenxid of a storage that is another
SELECT c.oid, c.*, d.description, pg_catalog.pg_get_expr(c.relpartbound, c.oid) AS partition_expr, pg_catalog.pg_get_partkeydef(c.oid) AS partition_key FROM pg_catalog.pg_class c LEFT OUTER JOIN pg_catalog.pg_description d ON d.objoid = c.oid AND d.objsubid = 0 AND d.classoid = 'pg_class'::regclass WHERE c.relnamespace = 'public'::regnamespace::oid AND c.relkind NOT IN ('i', 'I', 'c')

-- rows differ: sizes
SELECT c.oid, pg_catalog.pg_total_relation_size(c.oid) AS total_rel_size, pg_catalog.pg_relation_size(c.oid) AS rel_size FROM pg_class c WHERE c.relnamespace = 'public'::regnamespace

SELECT c.relname, a.*, pg_catalog.pg_get_expr(ad.adbin, ad.adrelid, true) AS def_value, dsc.description, dep.objid FROM pg_catalog.pg_attribute a INNER JOIN pg_catalog.pg_class c ON (a.attrelid = c.oid) LEFT OUTER JOIN pg_catalog.pg_attrdef ad ON (a.attrelid = ad.adrelid AND a.attnum = ad.adnum) LEFT OUTER JOIN pg_catalog.pg_description dsc ON (c.oid = dsc.objoid AND a.attnum = dsc.objsubid) LEFT OUTER JOIN pg_depend dep ON dep.refobjid = a.attrelid AND dep.deptype = 'i' AND dep.refobjsubid = a.attnum AND dep.classid = dep.refclassid WHERE NOT a.attisdropped AND c.oid = '"Artist"'::regclass::oid AND a.attnum > 0 ORDER BY a.attnum

SELECT c.oid, c.*, t.relname AS tabrelname, rt.relnamespace AS refnamespace, d.description, CASE WHEN c.contype = 'c' THEN "substring"(pg_get_constraintdef(c.oid), 7) ELSE NULL END consrc_copy FROM pg_catalog.pg_constraint c INNER JOIN pg_catalog.pg_class t ON t.oid = c.conrelid LEFT OUTER JOIN pg_catalog.pg_class rt ON rt.oid = c.confrelid LEFT OUTER JOIN pg_catalog.pg_description d ON d.objoid = c.oid AND d.objsubid = 0 AND d.classoid = 'pg_constraint'::regclass WHERE t.relnamespace = 'public'::regnamespace AND c.contype <> 'c' ORDER BY c.oid

-- rows differ: conbin, and the text of a check
SELECT c.oid, c.*, t.relname AS tabrelname, CASE WHEN c.contype = 'c' THEN "substring"(pg_get_constraintdef(c.oid), 7) ELSE NULL END consrc_copy FROM pg_catalog.pg_constraint c INNER JOIN pg_catalog.pg_class t ON t.oid = c.conrelid WHERE t.relnamespace = 'public'::regnamespace AND c.contype = 'c'

-- rows differ: node trees, scans and sizes
SELECT i.*, i.indkey AS keys, c.relname, c.relnamespace, c.relam, c.reltablespace, tc.relname AS tabrelname, dsc.description, pg_catalog.pg_get_expr(i.indpred, i.indrelid) AS pred_expr, pg_catalog.pg_get_expr(i.indexprs, i.indrelid, true) AS expr, pg_catalog.pg_relation_size(i.indexrelid) AS index_rel_size, pg_catalog.pg_stat_get_numscans(i.indexrelid) AS index_num_scans FROM pg_catalog.pg_index i INNER JOIN pg_catalog.pg_class c ON c.oid = i.indexrelid INNER JOIN pg_catalog.pg_class tc ON tc.oid = i.indrelid LEFT OUTER JOIN pg_catalog.pg_description dsc ON i.indexrelid = dsc.objoid WHERE tc.relnamespace = 'public'::regnamespace ORDER BY tabrelname, c.relname

SELECT c.relname, pg_catalog.pg_get_indexdef(i.indexrelid, 1, true), pg_catalog.pg_get_indexdef(i.indexrelid, 2, true) FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid WHERE c.relnamespace = 'public'::regnamespace

SELECT i.*, c.relnamespace FROM pg_catalog.pg_inherits i, pg_catalog.pg_class c WHERE i.inhrelid = '"Artist"'::regclass AND c.oid = i.inhparent ORDER BY i.inhseqno

-- rows differ: the text of a WHEN clause is SQLite's
SELECT x.oid, x.*, p.pronamespace AS func_schema_id, d.description FROM pg_catalog.pg_trigger x LEFT OUTER JOIN pg_catalog.pg_proc p ON p.oid = x.tgfoid LEFT OUTER JOIN pg_catalog.pg_description d ON d.objoid = x.oid AND d.objsubid = 0 AND d.classoid = 'pg_trigger'::regclass WHERE x.tgrelid = '"Album"'::regclass AND NOT x.tgisinternal

SELECT r.oid, r.rulename, r.ev_class, r.ev_type, r.ev_enabled, r.is_instead, pg_get_ruledef(r.oid) LIKE 'CREATE RULE "_RETURN" AS%' AS definition FROM pg_rewrite r WHERE r.ev_class = 'busy'::regclass

-- rows differ: node trees
SELECT r.oid, r.*, pg_get_ruledef(r.oid) AS definition FROM pg_rewrite r WHERE r.ev_class = 'busy'::regclass

SELECT * FROM pg_catalog.pg_policies WHERE schemaname = 'public' AND tablename = 'Artist'

SELECT pg_catalog.pg_get_viewdef('busy'::regclass::oid, true) LIKE ' SELECT%'

SELECT * FROM pg_catalog.pg_sequences WHERE schemaname = 'public' AND sequencename = 'Artist_ArtistId_seq'

SELECT last_value, increment_by, min_value, max_value, cycle FROM pg_catalog.pg_sequences

SELECT p.oid, p.*, l.lanname, pg_catalog.pg_get_expr(p.proargdefaults, 0) AS arg_defaults, d.description FROM pg_catalog.pg_proc p LEFT OUTER JOIN pg_catalog.pg_language l ON l.oid = p.prolang LEFT OUTER JOIN pg_catalog.pg_description d ON d.objoid = p.oid AND d.classoid = 'pg_proc'::regclass AND d.objsubid = 0 WHERE p.pronamespace = 'public'::regnamespace ORDER BY p.proname

SELECT pg_get_functiondef(p.oid) FROM pg_proc p WHERE p.pronamespace = 'public'::regnamespace

SELECT p.oid AS poid, a.*, pg_catalog.pg_get_expr(NULL::pg_node_tree, 0) FROM pg_catalog.pg_proc p JOIN pg_catalog.pg_aggregate a ON a.aggfnoid = p.oid WHERE p.proname = 'string_agg'

SELECT identity, type, schema, name FROM pg_catalog.pg_identify_object('pg_class'::regclass, '"Artist"'::regclass, 0)

SELECT a.oid, a.* FROM pg_catalog.pg_roles a WHERE rolname = 'pg_monitor' ORDER BY a.rolname

SELECT * FROM pg_catalog.pg_auth_members WHERE member = 3373

SELECT am.oid, am.* FROM pg_catalog.pg_am am ORDER BY am.oid

SELECT oc.oid, oc.* FROM pg_catalog.pg_opclass oc ORDER BY oc.oid

SELECT of.oid, of.* FROM pg_catalog.pg_opfamily of ORDER BY of.oid

SELECT c.oid, c.* FROM pg_catalog.pg_collation c WHERE c.oid < 12000 ORDER BY c.oid

SELECT c.oid, c.*, pg_encoding_to_char(c.conforencoding) AS src, pg_encoding_to_char(c.contoencoding) AS dst FROM pg_catalog.pg_conversion c ORDER BY c.oid

SELECT l.oid, l.* FROM pg_catalog.pg_language l ORDER BY l.oid

SELECT t.oid, t.oid::int8, t.*, pg_tablespace_location(t.oid) AS loc FROM pg_catalog.pg_tablespace t ORDER BY t.oid

SELECT e.oid, e.*, n.nspname, array_to_string(extconfig, ',') FROM pg_catalog.pg_extension e JOIN pg_namespace n ON n.oid = e.extnamespace

SELECT e.oid, cfg.tbl, cfg.* FROM pg_catalog.pg_extension e, unnest(e.extconfig) cfg(tbl)

-- rows differ: what is on the disk
SELECT e.name, e.default_version, e.installed_version, e.comment FROM pg_catalog.pg_available_extensions e WHERE name = 'plpgsql'

SELECT p.proname, et.oid, et.* FROM pg_catalog.pg_event_trigger et JOIN pg_catalog.pg_proc p ON p.oid = et.evtfoid

SELECT l.oid, l.*, p.proname AS handler_name, pv.proname AS validator_name, ns.nspname AS handler_schema_id FROM pg_catalog.pg_foreign_data_wrapper l LEFT OUTER JOIN pg_catalog.pg_proc p ON p.oid = l.fdwhandler LEFT OUTER JOIN pg_catalog.pg_proc pv ON pv.oid = l.fdwvalidator LEFT OUTER JOIN pg_catalog.pg_namespace ns ON ns.oid = p.pronamespace ORDER BY l.fdwname

SELECT l.oid, l.* FROM pg_catalog.pg_foreign_server l ORDER BY l.srvname

SELECT pc.oid, pc.*, pfs.srvname, ft.ftoptions FROM pg_catalog.pg_foreign_table ft JOIN pg_class pc ON pc.oid = ft.ftrelid JOIN pg_catalog.pg_foreign_server pfs ON pfs.oid = ft.ftserver

SELECT um.oid, um.* FROM pg_catalog.pg_user_mapping um

-- rows differ: sizes
SELECT pg_catalog.pg_database_size(d.oid) FROM pg_database d WHERE d.datname = current_database()

-- rows differ: the owner's
SELECT * FROM information_schema.table_privileges WHERE table_catalog = current_database() AND grantee = 'tester' AND table_schema = 'public'

SELECT * FROM information_schema.routine_privileges WHERE specific_catalog = current_database() AND grantee = 'nobody'

SELECT d.*, n.nspname FROM pg_catalog.pg_default_acl d LEFT JOIN pg_namespace n ON n.oid = d.defaclnamespace

SELECT s.*, r.rolname, d.datname FROM pg_catalog.pg_db_role_setting s LEFT JOIN pg_roles r ON r.oid = s.setrole LEFT JOIN pg_database d ON d.oid = s.setdatabase WHERE r.rolname = 'nobody'

-- rows differ: TOAST tables
SELECT DISTINCT dep.deptype, dep.classid, dep.objid, cl.relkind, attr.attname, pg_catalog.pg_get_expr(ad.adbin, ad.adrelid) adefval, CASE WHEN cl.relkind IS NOT NULL THEN cl.relkind::text || COALESCE(dep.objsubid::text, '') WHEN tg.oid IS NOT NULL THEN 'T'::text WHEN ty.oid IS NOT NULL THEN 'y'::text WHEN ns.oid IS NOT NULL THEN 'n'::text WHEN pr.oid IS NOT NULL THEN 'p'::text WHEN la.oid IS NOT NULL THEN 'l'::text WHEN rw.oid IS NOT NULL THEN 'R'::text WHEN co.oid IS NOT NULL THEN 'C'::text || contype::text WHEN ad.oid IS NOT NULL THEN 'A'::text WHEN fs.oid IS NOT NULL THEN 'F'::text WHEN fdw.oid IS NOT NULL THEN 'f'::text ELSE '' END AS type, COALESCE(coc.relname, clrw.relname) AS ownertable, CASE WHEN cl.relname IS NOT NULL AND att.attname IS NOT NULL THEN cl.relname || '.' || att.attname ELSE COALESCE(cl.relname, co.conname, pr.proname, tg.tgname, ty.typname, la.lanname, rw.rulename, ns.nspname, fs.srvname, fdw.fdwname) END AS refname, COALESCE(nsc.nspname, nso.nspname, nsp.nspname, nst.nspname, nsrw.nspname) AS nspname FROM pg_depend dep LEFT JOIN pg_class cl ON dep.objid = cl.oid LEFT JOIN pg_attribute att ON dep.objid = att.attrelid AND dep.objsubid = att.attnum LEFT JOIN pg_namespace nsc ON cl.relnamespace = nsc.oid LEFT JOIN pg_proc pr ON dep.objid = pr.oid LEFT JOIN pg_namespace nsp ON pr.pronamespace = nsp.oid LEFT JOIN pg_trigger tg ON dep.objid = tg.oid LEFT JOIN pg_type ty ON dep.objid = ty.oid LEFT JOIN pg_namespace nst ON ty.typnamespace = nst.oid LEFT JOIN pg_constraint co ON dep.objid = co.oid LEFT JOIN pg_class coc ON co.conrelid = coc.oid LEFT JOIN pg_namespace nso ON co.connamespace = nso.oid LEFT JOIN pg_rewrite rw ON dep.objid = rw.oid LEFT JOIN pg_class clrw ON clrw.oid = rw.ev_class LEFT JOIN pg_namespace nsrw ON clrw.relnamespace = nsrw.oid LEFT JOIN pg_language la ON dep.objid = la.oid LEFT JOIN pg_namespace ns ON dep.objid = ns.oid LEFT JOIN pg_attrdef ad ON ad.oid = dep.objid LEFT JOIN pg_attribute attr ON attr.attrelid = ad.adrelid AND attr.attnum = ad.adnum LEFT JOIN pg_foreign_server fs ON fs.oid = dep.objid LEFT JOIN pg_foreign_data_wrapper fdw ON fdw.oid = dep.objid WHERE dep.refobjid = 'pairs'::regclass::oid AND dep.refobjsubid = 0 AND dep.deptype IN ('a', 'i') ORDER BY type

-- rows differ: sessions
SELECT sa.*, sa.pid AS pid_alias FROM pg_catalog.pg_stat_activity sa

SELECT pg_terminate_backend(2147483647)

-- rows differ: locks
SELECT l.pid, l.locktype, l.mode, l.granted, v.name FROM pg_catalog.pg_locks l JOIN (VALUES ('relation', 1), ('virtualxid', 2)) AS v(name, n) ON v.name = l.locktype LEFT JOIN pg_catalog.pg_locks b ON b.relation = l.relation AND b.pid <> l.pid

SELECT (aclexplode(n.nspacl)).grantee, (aclexplode(n.nspacl)).privilege_type FROM pg_namespace n WHERE n.nspname = 'public'

SELECT c.relname, (aclexplode(c.relacl)).grantee FROM pg_class c WHERE c.relnamespace = 'public'::regnamespace

SELECT c.oid, n.nspname, c.relname, 'C', c.relacl FROM pg_catalog.pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.relacl IS NOT NULL AND n.nspname = 'public' UNION ALL SELECT p.oid, n.nspname, p.proname, 'F', p.proacl FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace WHERE p.proacl IS NOT NULL AND n.nspname = 'public'

SELECT t.oid, t.typname, t.typcategory, format_type(t.oid, NULL) FROM pg_type t WHERE t.typrelid = '"Artist"'::regclass

SELECT n_live_tup, n_dead_tup, relid::regclass FROM pg_stat_all_tables WHERE schemaname = 'nowhere'
