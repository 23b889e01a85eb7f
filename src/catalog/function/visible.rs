//! Whether a name is found without its schema: `pg_catalog` is on every search path.

use super::{boolean, integer, live, oid, yes};
use crate::catalog::fixed::system_classes;
use crate::catalog::kind;
use crate::catalog::objects::{Object, PG_CATALOG, TEMP};
use crate::schema::Namespace;
use crate::sqlite::Host;
use crate::sqlite::function::{Args, Flags, Function, Outcome};
use crate::types::{Type, Value};

pub(super) const FUNCTIONS: &[Function] = &[
    ("pg_table_is_visible", 1, Flags::STABLE, table),
    ("pg_my_temp_schema", 0, Flags::STABLE, |args| {
        integer(if args.host()?.schema().has_temporary() { TEMP } else { 0 })
    }),
    ("pg_type_is_visible", 1, Flags::STABLE, ty),
    ("pg_collation_is_visible", 1, Flags::STABLE, yes),
    ("pg_conversion_is_visible", 1, Flags::STABLE, yes),
    ("pg_function_is_visible", 1, Flags::STABLE, function),
    ("pg_opclass_is_visible", 1, Flags::STABLE, yes),
    ("pg_operator_is_visible", 1, Flags::STABLE, yes),
    ("pg_opfamily_is_visible", 1, Flags::STABLE, yes),
    ("pg_statistics_obj_is_visible", 1, Flags::STABLE, yes),
    ("pg_ts_config_is_visible", 1, Flags::STABLE, yes),
    ("pg_ts_dict_is_visible", 1, Flags::STABLE, yes),
    ("pg_ts_parser_is_visible", 1, Flags::STABLE, yes),
    ("pg_ts_template_is_visible", 1, Flags::STABLE, yes),
];

/// `public` is on the session's search path.
pub(super) fn is_public_visible(host: &dyn Host) -> bool {
    let path = host.setting("search_path");
    path.is_none_or(|path| path.split(',').any(|name| name.trim().trim_matches('"') == "public"))
}

fn public(args: &Args<'_>) -> Outcome {
    boolean(is_public_visible(&*args.host()?))
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
        _ => boolean(super::proc::name(oid).is_some()),
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
