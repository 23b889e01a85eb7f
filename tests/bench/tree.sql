-- What an administration tool with a tree asks when somebody opens it down to one table's parts,
-- in the manner of pgAdmin: every schema, every table, then the columns, constraints, indexes and
-- triggers of one. psql runs it.
\pset pager off
SELECT db.oid AS did, db.datname AS name, ta.spcname AS spcname, db.datallowconn,
    pg_catalog.has_database_privilege(db.oid, 'CREATE') AS cancreate, datdba AS owner,
    descr.description
FROM pg_catalog.pg_database db
    LEFT OUTER JOIN pg_catalog.pg_tablespace ta ON db.dattablespace = ta.oid
    LEFT OUTER JOIN pg_catalog.pg_shdescription descr
        ON db.oid = descr.objoid AND descr.classoid = 'pg_database'::regclass
ORDER BY datname;

SELECT nsp.oid, nsp.nspname AS name,
    pg_catalog.has_schema_privilege(nsp.oid, 'CREATE') AS can_create,
    pg_catalog.has_schema_privilege(nsp.oid, 'USAGE') AS has_usage, des.description
FROM pg_catalog.pg_namespace nsp
    LEFT OUTER JOIN pg_catalog.pg_description des
        ON (des.objoid = nsp.oid AND des.classoid = 'pg_namespace'::regclass)
WHERE nspname NOT LIKE E'pg\\_%' AND NOT (nsp.nspname = 'information_schema' AND EXISTS
    (SELECT 1 FROM pg_catalog.pg_class WHERE relname = 'tables' AND relnamespace = nsp.oid LIMIT 1))
ORDER BY nspname;

SELECT oid AS schema FROM pg_catalog.pg_namespace WHERE nspname = 'public' \gset

SELECT rel.oid, rel.relname AS name,
    (SELECT count(*) FROM pg_catalog.pg_trigger
        WHERE tgrelid = rel.oid AND tgisinternal = FALSE) AS triggercount,
    (SELECT count(*) FROM pg_catalog.pg_trigger
        WHERE tgrelid = rel.oid AND tgisinternal = FALSE AND tgenabled = 'O') AS enabled_triggers,
    (CASE WHEN rel.relkind = 'p' THEN true ELSE false END) AS is_partitioned,
    (SELECT count(1) FROM pg_catalog.pg_inherits WHERE inhrelid = rel.oid LIMIT 1) AS is_inherits,
    (SELECT count(1) FROM pg_catalog.pg_inherits WHERE inhparent = rel.oid LIMIT 1) AS is_inherited,
    des.description
FROM pg_catalog.pg_class rel
    LEFT OUTER JOIN pg_catalog.pg_description des
        ON (des.objoid = rel.oid AND des.objsubid = 0 AND des.classoid = 'pg_class'::regclass)
WHERE rel.relkind IN ('r', 's', 't', 'p') AND rel.relnamespace = :schema::oid
    AND NOT rel.relispartition
ORDER BY rel.relname;

SELECT oid AS one FROM pg_catalog.pg_class
WHERE relname = 't0500' AND relnamespace = :schema::oid \gset

SELECT DISTINCT att.attname AS name, att.attnum AS oid,
    pg_catalog.format_type(ty.oid, NULL) AS datatype,
    pg_catalog.format_type(ty.oid, att.atttypmod) AS displaytypname, att.attnotnull AS not_null,
    CASE WHEN att.atthasdef OR att.attidentity != '' OR ty.typdefault IS NOT NULL THEN true
        ELSE false END AS has_default_val, des.description, seq.seqtypid
FROM pg_catalog.pg_attribute att
    JOIN pg_catalog.pg_type ty ON ty.oid = atttypid
    JOIN pg_catalog.pg_namespace tn ON tn.oid = ty.typnamespace
    JOIN pg_catalog.pg_class cl ON cl.oid = att.attrelid
    JOIN pg_catalog.pg_namespace na ON na.oid = cl.relnamespace
    LEFT OUTER JOIN pg_catalog.pg_type et ON et.oid = ty.typelem
    LEFT OUTER JOIN pg_catalog.pg_attrdef def ON adrelid = att.attrelid AND adnum = att.attnum
    LEFT OUTER JOIN (pg_catalog.pg_depend JOIN pg_catalog.pg_class cs
        ON classid = 'pg_class'::regclass AND objid = cs.oid AND cs.relkind = 'S')
        ON refobjid = att.attrelid AND refobjsubid = att.attnum
    LEFT OUTER JOIN pg_catalog.pg_namespace ns ON ns.oid = cs.relnamespace
    LEFT OUTER JOIN pg_catalog.pg_index pi ON pi.indrelid = att.attrelid AND indisprimary
    LEFT OUTER JOIN pg_catalog.pg_description des ON (des.objoid = att.attrelid
        AND des.objsubid = att.attnum AND des.classoid = 'pg_class'::regclass)
    LEFT OUTER JOIN pg_catalog.pg_sequence seq ON cs.oid = seq.seqrelid
WHERE att.attrelid = :one::oid AND att.attnum > 0 AND att.attisdropped IS FALSE
ORDER BY att.attnum;

SELECT cls.oid, cls.relname AS name,
    CASE contype WHEN 'p' THEN desp.description ELSE des.description END AS comment
FROM pg_catalog.pg_index idx
    JOIN pg_catalog.pg_class cls ON cls.oid = indexrelid
    LEFT JOIN pg_catalog.pg_depend dep ON (dep.classid = cls.tableoid AND dep.objid = cls.oid
        AND dep.refobjsubid = '0' AND dep.refclassid =
            (SELECT oid FROM pg_catalog.pg_class WHERE relname = 'pg_constraint')
        AND dep.deptype = 'i')
    LEFT OUTER JOIN pg_catalog.pg_constraint con
        ON (con.tableoid = dep.refclassid AND con.oid = dep.refobjid)
    LEFT OUTER JOIN pg_catalog.pg_description des
        ON (des.objoid = cls.oid AND des.classoid = 'pg_class'::regclass)
    LEFT OUTER JOIN pg_catalog.pg_description desp ON (desp.objoid = con.oid
        AND desp.objsubid = 0 AND desp.classoid = 'pg_constraint'::regclass)
WHERE indrelid = :one::oid AND contype = 'p';

SELECT ct.oid, conname AS name, NOT convalidated AS convalidated, description AS comment
FROM pg_catalog.pg_constraint ct
    LEFT OUTER JOIN pg_catalog.pg_description des
        ON (des.objoid = ct.oid AND des.classoid = 'pg_constraint'::regclass)
WHERE contype = 'f' AND conrelid = :one::oid
ORDER BY conname;

SELECT DISTINCT ON (cls.relname) cls.oid, cls.relname AS name, indrelid, indkey, indisclustered,
    indisvalid, indisunique, indisprimary, n.nspname, indnatts, cls.reltablespace AS spcoid,
    CASE contype WHEN 'p' THEN desp.description ELSE des.description END AS description,
    pg_catalog.pg_get_expr(indpred, indrelid, true) AS indconstraint, contype, condeferrable
FROM pg_catalog.pg_index idx
    JOIN pg_catalog.pg_class cls ON cls.oid = indexrelid
    JOIN pg_catalog.pg_class tab ON tab.oid = indrelid
    JOIN pg_catalog.pg_namespace n ON n.oid = tab.relnamespace
    JOIN pg_catalog.pg_am am ON am.oid = cls.relam
    LEFT JOIN pg_catalog.pg_depend dep ON (dep.classid = cls.tableoid AND dep.objid = cls.oid
        AND dep.refobjsubid = '0' AND dep.refclassid =
            (SELECT oid FROM pg_catalog.pg_class WHERE relname = 'pg_constraint')
        AND dep.deptype = 'i')
    LEFT OUTER JOIN pg_catalog.pg_constraint con
        ON (con.tableoid = dep.refclassid AND con.oid = dep.refobjid)
    LEFT OUTER JOIN pg_catalog.pg_description des
        ON (des.objoid = cls.oid AND des.classoid = 'pg_class'::regclass)
    LEFT OUTER JOIN pg_catalog.pg_description desp ON (desp.objoid = con.oid
        AND desp.objsubid = 0 AND desp.classoid = 'pg_constraint'::regclass)
WHERE indrelid = :one::oid AND conname IS NULL
ORDER BY cls.relname;

SELECT t.oid, t.tgname AS name, t.tgenabled AS is_enable_trigger
FROM pg_catalog.pg_trigger t
    JOIN pg_catalog.pg_class cl ON cl.oid = tgrelid
WHERE NOT tgisinternal AND tgrelid = :one::oid
ORDER BY tgname;
