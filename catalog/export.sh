#!/bin/sh
# Writes the facts kept in this directory, from a PostgreSQL 15 freshly initialised with
# `initdb -E UTF8 --locale=C`.
#
#   catalog/export.sh 'host=/tmp port=5432 user=postgres'
#
# relations.txt: a line per relation (namespace, name, OID, relkind, row type's OID, tablespace), then,
# each after a tab, its attributes (name, type's OID, typmod, not null, base type's OID, base typmod,
# the type's name, collation). A column's base type is what clients are told when the type is a domain.
#
# rows/NAME.txt: the rows of a relation whose contents are the same in every database, in COPY's
# text form, columns in the order of relations.txt. Arrays are JSON, booleans 0 and 1, reg* OIDs;
# privileges are left out.
set -eu
cd "$(dirname "$0")"
query() { psql -X -q -At -v ON_ERROR_STOP=1 "$connection" "$@"; }
connection=$1

# Settings of one connection must not change what is written.
PGOPTIONS='-c extra_float_digits=1 -c search_path=pg_catalog'
export PGOPTIONS

query -F '	' > relations.txt <<'SQL'
with recursive base(oid, target, typmod) as (
    select oid, oid, -1 from pg_type where typtype <> 'd'
    union all
    select t.oid, t.typbasetype, t.typtypmod from pg_type t where t.typtype = 'd'
), relation as (
    select c.oid, n.nspname, c.relname, c.relkind, c.reltype, c.reltablespace
    from pg_class c join pg_namespace n on n.oid = c.relnamespace
    where n.nspname in ('pg_catalog', 'information_schema') and c.relkind in ('r', 'v')
)
select line from (
    select nspname, relname, 0 as attnum,
           concat_ws(E'\t', nspname, relname, oid, relkind, reltype, reltablespace) as line
    from relation
    union all
    select nspname, relname, a.attnum,
           concat_ws(E'\t', '', a.attname, a.atttypid, a.atttypmod, a.attnotnull::int, b.target,
                     case when b.target = a.atttypid then a.atttypmod else b.typmod end,
                     format_type(a.atttypid, a.atttypmod), a.attcollation)
    from relation join pg_attribute a on a.attrelid = relation.oid and a.attnum > 0
    join base b on b.oid = a.atttypid
) lines
order by nspname collate "C" desc, relname collate "C", attnum;
SQL

# One relation's rows, each column in the form it has inside SQLite.
rows() {
    relation=$1 order=${2:-1} namespace=${3:-pg_catalog} only=${4:-true}
    columns=$(query -c "
        select string_agg(case
            when t.typname = '_aclitem' then 'null'
            when t.typname in ('_char', '_regtype') then
                format('array_to_json(%I::text[])', attname)
            when t.typname in ('_oid') then format('array_to_json(%I::bigint[])', attname)
            when t.typcategory = 'A' and t.typname not in ('int2vector', 'oidvector') then
                format('array_to_json(%I)', attname)
            when t.typname = 'bool' then format('%I::int', attname)
            when t.typname like 'reg%' then format('%I::oid', attname)
            else format('%I', attname) end, ', ' order by attnum)
        from pg_attribute a join pg_type t on t.oid = atttypid
        where attrelid = '$namespace.$relation'::regclass and attnum > 0")
    query -c "copy (select $columns from $namespace.$relation where $only order by $order) to stdout" \
        > "rows/$relation.txt"
}

mkdir -p rows
for relation in pg_aggregate pg_am pg_amop pg_amproc pg_cast pg_conversion \
    pg_language pg_operator pg_opfamily pg_proc pg_range pg_ts_config \
    pg_ts_config_map pg_ts_dict pg_ts_parser pg_ts_template; do
    rows $relation '1, 2, 3'
done
# In the order of the operator families, for those who gather their types.
rows pg_opclass ctid
# Those every PostgreSQL has, whatever its operating system.
rows pg_collation 1 pg_catalog "collprovider <> 'i' and oid < 12000"
rows pg_timezone_abbrevs
for relation in sql_features sql_implementation_info sql_parts sql_sizing; do
    rows $relation '1, 2, 3' information_schema
done
# The one extension of a new database, and what belongs to it.
rows pg_extension
rows pg_auth_members '1, 2'
rows pg_depend '1, 2' pg_catalog "refclassid = 'pg_extension'::regclass"
rows pg_available_extensions 1 pg_catalog "name = 'plpgsql'"
rows pg_available_extension_versions 1 pg_catalog "name = 'plpgsql'"
# Indexes of the system's own tables, and their constraints. A node tree is nothing to anybody else.
indexes="select indexrelid from pg_index where indrelid in
    (select oid from pg_class where relnamespace = 11 and relkind = 'r')"
rows pg_class 1 pg_catalog "oid in ($indexes)"
rows pg_attribute '1, 6' pg_catalog "attrelid in ($indexes)"
rows pg_index 1 pg_catalog "indexrelid in ($indexes)"
rows pg_constraint 1 pg_catalog "conrelid in (select oid from pg_class where relnamespace = 11)"
query -c "copy (select indexrelid, pg_get_indexdef(indexrelid) from pg_index
        where indexrelid in ($indexes)
    union all select oid, pg_get_constraintdef(oid) from pg_constraint
        where conrelid in (select oid from pg_class where relnamespace = 11)
    order by 1) to stdout" > definitions.txt
# The rules of the system's own views, and their queries; a node tree is nothing to anybody else.
query -c "copy (select r.oid, rulename, ev_class, ev_type, ev_enabled, is_instead::int, '<>', '<>'
    from pg_rewrite r join pg_class c on c.oid = ev_class
    where relnamespace::regnamespace::text in ('pg_catalog', 'information_schema')
    order by 1) to stdout" > rows/pg_rewrite.txt
query -c "copy (select oid, pg_get_viewdef(oid, true) from pg_class where relkind = 'v'
    and relnamespace::regnamespace::text in ('pg_catalog', 'information_schema')
    order by 1) to stdout" > view_definitions.txt
# pg_description names its objects by OID; those egret does not have are left out.
query -c "copy (select objoid, classoid, objsubid, description from pg_description
    where classoid::regclass::text in ('pg_type', 'pg_proc', 'pg_operator', 'pg_am', 'pg_opclass',
        'pg_collation', 'pg_namespace', 'pg_language', 'pg_cast', 'pg_conversion',
        'pg_extension', 'pg_ts_config', 'pg_ts_dict', 'pg_ts_parser', 'pg_ts_template')
    and not (classoid = 'pg_collation'::regclass and objoid >= 12000)
    order by 2, 1, 3) to stdout" > rows/pg_description.txt
# Settings as a new server has them; those that name its machine are left out, and files' names.
query -c "copy (select name, case category when 'File Locations' then '' else setting end, unit, category, short_desc, extra_desc, context, vartype,
        'default', min_val, max_val, array_to_json(enumvals), boot_val, boot_val, null, null, 0
    from pg_settings where name not in
        ('listen_addresses', 'port', 'unix_socket_directories', 'log_directory', 'log_timezone')
    order by 1) to stdout" > rows/pg_settings.txt
# Arguments of functions that have more than types: names, modes, defaults; and without defaults.
query -c "copy (select oid, pg_get_function_arguments(oid), pg_get_function_identity_arguments(oid)
    from pg_proc where pg_get_function_arguments(oid) <> oidvectortypes(proargtypes)
    order by 1) to stdout" > arguments.txt
# Encodings by number, and the tokens of the one text search parser.
query -c "copy (select n, pg_encoding_to_char(n) from generate_series(0, 50) n
    where pg_encoding_to_char(n) <> '') to stdout" > encodings.txt
query -c "copy (select * from ts_token_type('default')) to stdout" > token_types.txt
# Words of SQL: category, and whether a label may be the word without AS.
query -c "copy (select word, catcode, barelabel::int from pg_get_keywords() order by 1) to stdout" \
    > keywords.txt
