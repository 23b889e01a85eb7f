//! Comments, roles, encodings and properties.

use super::{boolean, integer, live, null, oid, text, text_or_null};
use crate::catalog::fixed::system_classes;
use crate::catalog::live::description;
use crate::catalog::objects::{OWNER, Object, PLPGSQL};
use crate::catalog::relation::table;
use crate::catalog::rowset::Cell;
use crate::schema::{IndexKey, RelationKind};
use crate::sqlite::function::{Args, Flags, Function, Outcome};
use crate::sqlite::{FunctionError, Host};
use crate::types::{Oid, Type, Value, ValueRef};
use std::collections::HashMap;
use std::sync::LazyLock;

pub(super) const FUNCTIONS: &[Function] = &[
    ("col_description", 2, Flags::STABLE, null),
    ("obj_description", 1, Flags::STABLE, comment),
    ("obj_description", 2, Flags::STABLE, comment),
    ("shobj_description", 2, Flags::STABLE, null),
    ("pg_char_to_encoding", 1, Flags::PURE, encoding),
    ("pg_encoding_max_length", 1, Flags::PURE, |args| {
        integer(if args.int(0)? == 6 { 4 } else { 1 })
    }),
    ("pg_encoding_to_char", 1, Flags::PURE, encoding_name),
    ("pg_collation_actual_version", 1, Flags::STABLE, null),
    ("pg_database_collation_actual_version", 1, Flags::STABLE, null),
    ("pg_column_is_updatable", 3, Flags::STABLE, |args| boolean(is_table(args)?)),
    ("pg_describe_object", 3, Flags::STABLE, describe),
    ("pg_filenode_relation", 2, Flags::STABLE, |args| integer(oid(args, 1)?)),
    ("pg_has_role", -1, Flags::STABLE, has_role),
    ("pg_index_column_has_property", 3, Flags::STABLE, index_column_property),
    ("pg_index_has_property", 2, Flags::STABLE, index_property),
    ("pg_indexam_has_property", 2, Flags::STABLE, method_property),
    ("pg_relation_filenode", 1, Flags::STABLE, file_node),
    ("pg_relation_filepath", 1, Flags::STABLE, null),
    ("pg_relation_is_publishable", 1, Flags::STABLE, |args| boolean(is_table(args)?)),
    ("pg_relation_is_updatable", 2, Flags::STABLE, |args| {
        // INSERT, UPDATE and DELETE.
        integer(if is_table(args)? { 28 } else { 0 })
    }),
    ("pg_partition_root", 1, Flags::STABLE, null),
    ("pg_settings_get_flags", 1, Flags::STABLE, |_| text("[]")),
    ("pg_tablespace_location", 1, Flags::STABLE, |_| text("")),
];

/// Class and object to comment, for Postgres's own objects.
static COMMENTS: LazyLock<HashMap<(i64, i64), Cell>> = LazyLock::new(|| {
    let rows = table("pg_catalog.pg_description").map(|table| table.fixed());
    let comment = |row: &[Cell]| match row {
        [Cell::Integer(object), Cell::Integer(class), Cell::Integer(0), comment] => {
            Some(((*class, *object), comment.clone()))
        }
        _ => None,
    };
    rows.iter().flat_map(|rows| rows.rows().filter_map(comment)).collect()
});

/// `obj_description(oid, catalog)`; without a catalog any object of that OID.
fn comment(args: &Args<'_>) -> Outcome {
    let oid = oid(args, 0)?;
    let class = args.text_if(1)?;
    if class.as_deref().is_none_or(|class| class == "pg_class")
        && let Some(comment) = description::of_class(&live(args)?, oid)
    {
        return text(comment);
    }
    let object = i64::from(oid);
    let found = match class {
        Some(class) => table(&format!("pg_catalog.{class}"))
            .and_then(|table| COMMENTS.get(&(table.system.relation.oid.into(), object))),
        None => COMMENTS.iter().find(|((_, other), _)| *other == object).map(|(_, text)| text),
    };
    text_or_null(match found {
        Some(Cell::Static(text)) => Some((*text).to_owned()),
        Some(Cell::Text(text)) => Some(text.to_string()),
        _ => None,
    })
}

fn encoding(args: &Args<'_>) -> Outcome {
    let plain = |name: &str| name.replace(['-', '_'], "").to_ascii_uppercase();
    let name = plain(&args.text(0)?);
    let name = if name == "UNICODE" { "UTF8" } else { &name };
    integer(encodings().find(|(_, other)| plain(other) == name).map_or(-1, |(number, _)| number))
}

fn encoding_name(args: &Args<'_>) -> Outcome {
    let wanted = args.int(0)?;
    text(encodings().find(|(number, _)| *number == wanted).map_or("", |(_, name)| name))
}

/// The encodings that Postgres knows, by number.
fn encodings() -> impl Iterator<Item = (i64, &'static str)> {
    let lines = include_str!("../../../catalog/encodings.txt").lines();
    lines.filter_map(|line| {
        let (number, name) = line.split_once('\t')?;
        Some((number.parse().ok()?, name))
    })
}

fn is_table(args: &Args<'_>) -> Result<bool, FunctionError> {
    let (live, oid) = (live(args)?, oid(args, 0)?);
    Ok(match live.object(oid) {
        Some(Object::Relation(relation)) => relation.kind != RelationKind::View,
        _ => false,
    })
}

/// `pg_has_role([user,] role, privilege)`: one who may do everything has every role, others their
/// own alone.
fn has_role(args: &Args<'_>) -> Outcome {
    let (host, role) = (args.host()?, args.len().saturating_sub(2));
    let own = match args.value(role) {
        ValueRef::Text(_) => args.text(role)?.as_ref() == host.user(),
        _ => oid(args, role)? == OWNER,
    };
    boolean(own || host.may_write())
}

/// A relation that has a file has its OID as the number.
fn file_node(args: &Args<'_>) -> Outcome {
    let oid = oid(args, 0)?;
    let known = system_classes().contains_key(&oid) || live(args)?.object(oid).is_some();
    if known { integer(oid) } else { Ok(Value::Null) }
}

/// Of Postgres's own objects, functions, languages and relations are described.
fn describe(args: &Args<'_>) -> Outcome {
    const PG_PROC: Oid = 1255;
    const PG_CLASS: Oid = 1259;
    const PG_LANGUAGE: Oid = 2612;
    const REGPROCEDURE: Oid = 2202;
    let (live, class, oid, part) = (live(args)?, oid(args, 0)?, oid(args, 1)?, args.int(2)?);
    if let Some(Object::Relation(relation)) = live.object(oid)
        && let Some(column) = usize::try_from(part).ok().and_then(|part| part.checked_sub(1))
    {
        let found = relation.columns.get(column);
        return text_or_null(
            found.map(|c| format!("column {} of table {}", c.name, relation.name)),
        );
    }
    let named = |kind: &str, ty: Type| {
        Some(format!("{kind} {}", super::name_of(&*args.host().ok()?, ty, oid)?))
    };
    let system = || match class {
        PG_PROC => named("function", Type(REGPROCEDURE)),
        PG_CLASS => named("table", Type::REGCLASS),
        PG_LANGUAGE if oid == PLPGSQL => Some("language plpgsql".to_owned()),
        1247 => named("type", Type::REGTYPE),
        1260 => named("role", type_named("regrole")),
        2615 => named("schema", type_named("regnamespace")),
        3456 => named("collation", type_named("regcollation")),
        _ => None,
    };
    text_or_null(
        live.object(oid)
            .map(|object| match object {
                Object::Relation(r) if r.kind == RelationKind::View => format!("view {}", r.name),
                Object::Relation(r) => format!("table {}", r.name),
                Object::Sequence(r) => format!("sequence of table {}", r.name),
                Object::RowType(r) => format!("type {}", r.name),
                Object::ArrayType(r) => format!("type {}[]", r.name),
                Object::Rule(r) => format!("rule _RETURN on view {}", r.name),
                Object::Index(_, index) => format!("index {}", index.shown_name),
                Object::Key(r, index) => {
                    format!("constraint {} on table {}", index.shown_name, r.name)
                }
                Object::ForeignKey(r, key) => {
                    format!("constraint {} on table {}", key.name, r.name)
                }
                Object::Check(r, check) => format!("constraint {} on table {}", check.name, r.name),
                Object::Trigger(r, trigger) => {
                    format!("trigger {} on table {}", trigger.name, r.name)
                }
                Object::Procedure(_, trigger) => format!("function {}()", trigger.name),
                Object::Default(r, column) => {
                    format!("default value for column {} of table {}", column.name, r.name)
                }
            })
            .or_else(system),
    )
}

fn type_named(name: &str) -> Type {
    Type::from_name(name).unwrap_or(Type::OID)
}

fn index_column_property(args: &Args<'_>) -> Outcome {
    let (live, oid, position) = (live(args)?, oid(args, 0)?, args.int(1)?);
    let Some(Object::Index(_, index)) = live.object(oid) else { return Ok(Value::Null) };
    let key = usize::try_from(position - 1).ok().and_then(|i| index.keys.get(i));
    let Some(&IndexKey { descending, .. }) = key else { return Ok(Value::Null) };
    boolean(match args.text(2)?.as_ref() {
        "asc" | "nulls_last" => !descending,
        "desc" | "nulls_first" => descending,
        "orderable" | "returnable" | "search_array" | "search_nulls" => true,
        "distance_orderable" => false,
        _ => return Ok(Value::Null),
    })
}

fn index_property(args: &Args<'_>) -> Outcome {
    boolean(match args.text(1)?.as_ref() {
        "clusterable" | "index_scan" | "backward_scan" => true,
        "bitmap_scan" => false,
        _ => return Ok(Value::Null),
    })
}

/// What each access method can do: order, unique, several columns, exclude, include.
const METHODS: [(Oid, [bool; 5]); 6] = [
    (403, [true, true, true, true, true]),
    (405, [false, false, false, true, false]),
    (783, [false, false, true, true, true]),
    (2742, [false, false, true, false, false]),
    (3580, [false, false, true, false, false]),
    (4000, [false, false, false, true, true]),
];

fn method_property(args: &Args<'_>) -> Outcome {
    const PROPERTIES: [&str; 5] =
        ["can_order", "can_unique", "can_multi_col", "can_exclude", "can_include"];
    let (method, property) = (oid(args, 0)?, args.text(1)?);
    let found = METHODS.iter().find(|(known, _)| *known == method);
    let position = PROPERTIES.iter().position(|known| *known == property);
    match found.zip(position) {
        Some(((_, properties), position)) => boolean(properties[position]),
        None => Ok(Value::Null),
    }
}

/// The name of the role with that OID.
pub(in crate::catalog) fn name_of_role(host: &dyn Host, oid: Oid) -> Option<String> {
    let builtin = builtin_roles().find(|(other, _)| *other == oid);
    let own = || own_roles(host).into_iter().find(|(other, _)| *other == oid);
    builtin.map(|(_, name)| name.to_owned()).or_else(|| own().map(|(_, name)| name))
}

/// The OID of the role of that name.
pub(super) fn oid_of_role(host: &dyn Host, name: &str) -> Option<Oid> {
    let builtin = builtin_roles().find(|(_, other)| *other == name).map(|(oid, _)| oid);
    let own = || own_roles(host).into_iter().find(|(_, other)| other == name);
    builtin.or_else(|| own().map(|(oid, _)| oid))
}

/// The roles of the server, or the session's alone when the host knows none.
fn own_roles(host: &dyn Host) -> Vec<(Oid, String)> {
    let role = |row: Vec<Value>| match row.get(..2) {
        Some([Value::Integer(oid), Value::Text(name)]) => {
            Some((Oid::try_from(*oid).ok()?, name.clone()))
        }
        _ => None,
    };
    match host.server_rows("pg_authid") {
        Some(rows) => rows.into_iter().filter_map(role).collect(),
        None => vec![(OWNER, host.user())],
    }
}

fn builtin_roles() -> impl Iterator<Item = (Oid, &'static str)> {
    crate::catalog::fixed::ROLES.into_iter()
}
