//! Whether a name is found without its schema: `pg_catalog` is on every search path.

use super::{boolean, integer, live, null, oid};
use crate::catalog::fixed::system_classes;
use crate::catalog::kind;
use crate::catalog::objects::{Object, PG_CATALOG, TEMP};
use crate::catalog::relation;
use crate::catalog::rowset::{Cell, RowSet};
use crate::schema::Namespace;
use crate::sqlite::Host;
use crate::sqlite::function::{Args, Flags, Function, Outcome};
use crate::types::{Type, Value};
use std::sync::Arc;

pub(super) const FUNCTIONS: &[Function] = &[
    ("pg_table_is_visible", 1, Flags::STABLE, table),
    ("pg_my_temp_schema", 0, Flags::STABLE, |args| {
        integer(if args.host()?.schema().has_temporary() { TEMP } else { 0 })
    }),
    ("pg_type_is_visible", 1, Flags::STABLE, ty),
    ("pg_collation_is_visible", 1, Flags::STABLE, |args| known(args, "pg_collation")),
    ("pg_conversion_is_visible", 1, Flags::STABLE, |args| known(args, "pg_conversion")),
    ("pg_function_is_visible", 1, Flags::STABLE, function),
    ("pg_opclass_is_visible", 1, Flags::STABLE, |args| known(args, "pg_opclass")),
    ("pg_operator_is_visible", 1, Flags::STABLE, |args| known(args, "pg_operator")),
    ("pg_opfamily_is_visible", 1, Flags::STABLE, |args| known(args, "pg_opfamily")),
    ("pg_statistics_obj_is_visible", 1, Flags::STABLE, null),
    ("pg_ts_config_is_visible", 1, Flags::STABLE, |args| known(args, "pg_ts_config")),
    ("pg_ts_dict_is_visible", 1, Flags::STABLE, |args| known(args, "pg_ts_dict")),
    ("pg_ts_parser_is_visible", 1, Flags::STABLE, |args| known(args, "pg_ts_parser")),
    ("pg_ts_template_is_visible", 1, Flags::STABLE, |args| known(args, "pg_ts_template")),
];

/// `public` is on the session's search path.
pub(super) fn is_public_visible(host: &dyn Host) -> bool {
    let path = host.setting("search_path");
    path.is_none_or(|path| path.split(',').any(|name| name.trim().trim_matches('"') == "public"))
}

fn public(args: &Args<'_>) -> Outcome {
    boolean(is_public_visible(&*args.host()?))
}

/// Whatever there is of these is in `pg_catalog`.
fn known(args: &Args<'_>, relation: &str) -> Outcome {
    let (oid, table) =
        (i64::from(oid(args, 0)?), relation::table(&format!("pg_catalog.{relation}")));
    let has = |set: Arc<RowSet>| set.rows().any(|row| row.first() == Some(&Cell::Integer(oid)));
    let found = table.is_some_and(|table| has(table.fixed()));
    if found { boolean(true) } else { Ok(Value::Null) }
}

fn table(args: &Args<'_>) -> Outcome {
    let (live, oid) = (live(args)?, oid(args, 0)?);
    let object = live.object(oid);
    if let Some(Object::Relation(r) | Object::Index(r, _) | Object::Sequence(r)) = object {
        let temporary = r.namespace == Namespace::Temp;
        return if temporary { boolean(true) } else { public(args) };
    }
    match system_classes().get(&oid) {
        Some((_, namespace)) => boolean(*namespace == PG_CATALOG),
        None => Ok(Value::Null),
    }
}

fn function(args: &Args<'_>) -> Outcome {
    let (live, oid) = (live(args)?, oid(args, 0)?);
    match live.object(oid) {
        Some(Object::Procedure(..)) => public(args),
        _ if super::proc::name(oid).is_some() => boolean(true),
        _ => Ok(Value::Null),
    }
}

fn ty(args: &Args<'_>) -> Outcome {
    let oid = oid(args, 0)?;
    if let Some(facts) = kind::find(Type(oid)) {
        return boolean(facts.namespace == 11);
    }
    match live(args)?.object(oid) {
        Some(Object::RowType(_) | Object::ArrayType(_)) => public(args),
        _ => Ok(Value::Null),
    }
}
