-- with text='"int4"'
select $1::text::regtype::oid

-- with text='public."pairs"'
select $1::text::regclass::oid

-- with oid='int4range'::regtype::oid
select typtype::text, typbasetype, typelem, typdelim::text, typrelid from pg_type where oid = $1

-- with oid='int4range'::regtype::oid
select rngsubtype from pg_range where rngtypid = $1

-- with oid='int4range'::regtype::oid
select rngtypid from pg_range where rngmultitypid = $1

-- with oid='pairs'::regtype::oid
select typrelid from pg_type where oid = $1

-- with oid='pairs'::regclass::oid
select attname, atttypid from pg_attribute where attrelid = $1 and not attisdropped and attnum > 0 order by attnum

-- with text[]='{pairs,int4range,_int4}'
WITH RECURSIVE selected_types AS (SELECT t.oid, t.typname, t.typtype FROM pg_type t WHERE t.typname = ANY($1::text[])), type_tree AS (SELECT oid, typname, typtype, 0 AS depth FROM selected_types UNION ALL SELECT t.oid, t.typname, t.typtype, tree.depth + 1 FROM type_tree tree JOIN pg_type e ON e.oid = tree.oid JOIN pg_type t ON t.oid = e.typelem WHERE tree.depth < 5 AND e.typelem <> 0) SELECT tree.typname, tree.typtype::text, max(tree.depth) AS depth, nsp.nspname, pg_type_is_visible(tree.oid) AS visible FROM type_tree tree JOIN pg_type t ON t.oid = tree.oid JOIN pg_namespace nsp ON nsp.oid = t.typnamespace GROUP BY tree.typname, tree.typtype, nsp.nspname, tree.oid ORDER BY depth DESC, 1

-- with text[]='{pairs}'
WITH RECURSIVE relations(relid, parent) AS (SELECT c.oid, 0::oid FROM pg_class c WHERE c.relname = ANY($1::text[]) AND pg_table_is_visible(c.oid)), members AS (SELECT r.relid, ARRAY_AGG(a.attname::text ORDER BY a.attnum) AS names, ARRAY_AGG(a.atttypid::oid ORDER BY a.attnum) AS types, ARRAY_AGG(format_type(a.atttypid, a.atttypmod) ORDER BY a.attnum) AS formatted FROM relations r JOIN pg_attribute a ON a.attrelid = r.relid WHERE a.attnum > 0 AND NOT a.attisdropped GROUP BY r.relid) SELECT m.relid::regclass::text, m.names, m.types, m.formatted, t.typtype::text, COALESCE(rng.rngsubtype, 0) AS rngsubtype FROM members m JOIN pg_type t ON t.typrelid = m.relid LEFT JOIN pg_range rng ON rng.rngtypid = t.oid
