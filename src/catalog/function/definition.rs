//! `pg_get_*def`, `pg_get_expr` and `format_type`.

use super::visible::is_public_visible;
use super::{live, null, oid, text, text_or_null};
use crate::catalog::definition::Layout;
use crate::catalog::objects::Object;
use crate::catalog::{definition, kind};
use crate::schema::{RelationKind, identifier};
use crate::sqlite::FunctionError;
use crate::sqlite::function::{Args, Flags, Function, Outcome};
use crate::types::{Type, Value};

pub(super) const FUNCTIONS: &[Function] = &[
    ("format_type", 2, Flags::PURE_NULLS, format_type),
    ("pg_get_constraintdef", 1, Flags::STABLE, constraint),
    ("pg_get_constraintdef", 2, Flags::STABLE, constraint),
    ("pg_get_expr", 2, Flags::STABLE, expression),
    ("pg_get_expr", 3, Flags::STABLE, expression),
    ("pg_get_indexdef", 1, Flags::STABLE, index),
    ("pg_get_indexdef", 3, Flags::STABLE, index),
    ("pg_get_partition_constraintdef", 1, Flags::STABLE, null),
    ("pg_get_partkeydef", 1, Flags::STABLE, null),
    ("pg_get_replica_identity_index", 1, Flags::STABLE, null),
    ("pg_get_ruledef", 1, Flags::STABLE, rule),
    ("pg_get_ruledef", 2, Flags::STABLE, rule),
    ("pg_get_serial_sequence", 2, Flags::STABLE, serial_sequence),
    ("pg_get_statisticsobjdef", 1, Flags::STABLE, null),
    ("pg_get_statisticsobjdef_columns", 1, Flags::STABLE, null),
    ("pg_get_statisticsobjdef_expressions", 1, Flags::STABLE, null),
    ("pg_get_triggerdef", 1, Flags::STABLE, trigger),
    ("pg_get_triggerdef", 2, Flags::STABLE, trigger),
    ("pg_get_viewdef", 1, Flags::STABLE, view),
    ("pg_get_viewdef", 2, Flags::STABLE, view),
];

fn format_type(args: &Args<'_>) -> Outcome {
    if args.is_null(0) {
        return Ok(Value::Null);
    }
    let ty = oid(args, 0)?;
    if ty == 0 {
        return text("-");
    }
    if kind::find(Type(ty)).is_none()
        && let Some(name) = super::name_of(&*args.host()?, Type::REGTYPE, ty)
    {
        return text(name);
    }
    let typmod = if args.is_null(1) { None } else { i32::try_from(args.int(1)?).ok() };
    text(kind::format_type(Type(ty), typmod))
}

/// `f(oid, pretty)`, and whether the session finds `public` without naming it.
fn layout(args: &Args<'_>, pretty: usize) -> Result<Layout, FunctionError> {
    let pretty = args.int_or(pretty, 0)? != 0;
    Ok(Layout { qualified: !is_public_visible(&*args.host()?), pretty })
}

fn constraint(args: &Args<'_>) -> Outcome {
    let (live, oid, layout) = (live(args)?, oid(args, 0)?, layout(args, 1)?);
    let own = live.object(oid).and_then(|object| definition::constraint(&live, object, layout));
    text_or_null(own.or_else(|| definition::system(oid).map(str::to_owned)))
}

/// Expressions are kept as the text that is shown.
fn expression(args: &Args<'_>) -> Outcome {
    let shown = args.text(0)?;
    let pretty = args.int_or(2, 0)? != 0;
    text(if pretty { definition::bare(&shown) } else { &shown })
}

fn index(args: &Args<'_>) -> Outcome {
    let (live, oid) = (live(args)?, oid(args, 0)?);
    let Some(Object::Index(relation, index)) = live.object(oid) else {
        let system = match usize::try_from(args.int_or(1, 0)?) {
            Ok(0) => definition::system(oid),
            Ok(column) => definition::system(oid)
                .map(|_| definition::system_key(oid, column).unwrap_or_default()),
            Err(_) => Some(""),
        };
        return text_or_null(system.map(str::to_owned));
    };
    match usize::try_from(args.int_or(1, 0)?) {
        Ok(0) => {
            let layout = layout(args, 2)?;
            text(definition::index(relation, index, layout))
        }
        Ok(column) => text(definition::index_key(relation, index, column - 1).unwrap_or_default()),
        Err(_) => text(""),
    }
}

fn rule(args: &Args<'_>) -> Outcome {
    let (live, oid, layout) = (live(args)?, oid(args, 0)?, layout(args, 1)?);
    text_or_null(match live.object(oid) {
        Some(Object::Rule(relation)) => Some(definition::rule(&live, relation, layout.qualified)),
        _ => definition::system_rule(oid),
    })
}

fn trigger(args: &Args<'_>) -> Outcome {
    let (live, oid, layout) = (live(args)?, oid(args, 0)?, layout(args, 1)?);
    text_or_null(match live.object(oid) {
        Some(Object::Trigger(relation, trigger)) => {
            Some(definition::trigger(relation, trigger, layout))
        }
        _ => None,
    })
}

/// The view is given by its OID or its name.
fn view(args: &Args<'_>) -> Outcome {
    let (live, oid) = (live(args)?, super::reference::class(args, 0)?);
    text_or_null(match live.object(oid) {
        Some(Object::Relation(relation)) if relation.kind == RelationKind::View => {
            Some(definition::view(&live, relation, layout(args, 1)?.qualified))
        }
        _ => definition::system_view(oid),
    })
}

/// The sequence of an identity column.
fn serial_sequence(args: &Args<'_>) -> Outcome {
    let (live, oid) = (live(args)?, super::reference::class(args, 0)?);
    let Some(Object::Relation(relation)) = live.object(oid) else { return Ok(Value::Null) };
    let name = args.text(1)?;
    let Some(column) = relation.column_position(&name) else {
        let table = &relation.name;
        let message = format!("column \"{name}\" of relation \"{table}\" does not exist");
        return Err(FunctionError::new("42703", message));
    };
    let sequence = relation.sequence.as_ref().filter(|_| relation.rowid_alias == Some(column));
    text_or_null(sequence.map(|sequence| format!("public.{}", identifier(&sequence.name))))
}
