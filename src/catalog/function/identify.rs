//! `pg_identify_object`: what an object is, and the name that tells it from all others.
//! <https://www.postgresql.org/docs/15/functions-info.html>

use crate::catalog::objects::{Live, Object};
use crate::catalog::rowset::{Cell, row};
use crate::schema::{RelationKind, identifier};
use crate::sqlite::FunctionError;
use crate::sqlite::table::Caller;
use crate::types::{Oid, Value};

/// Type, schema, name and identity; nothing for what is not known.
pub(super) fn rows(caller: &Caller<'_>, arguments: &[Value]) -> Result<Vec<Cell>, FunctionError> {
    let Some(host) = caller.slot().host() else { return Ok(Vec::new()) };
    let number = |i: usize| match arguments.get(i) {
        Some(Value::Integer(number)) => Oid::try_from(*number).unwrap_or(0),
        _ => 0,
    };
    let (object, column) = (number(1), number(2));
    let live = Live::new(host.schema());
    Ok(live.object(object).map_or_else(Vec::new, |found| identity(&found, column)))
}

fn identity(object: &Object<'_>, column: Oid) -> Vec<Cell> {
    let public = |kind: &str, name: &str| {
        let name = identifier(name);
        row![kind.to_owned(), "public", name.clone(), format!("public.{name}")].to_vec()
    };
    match object {
        Object::Relation(r) => {
            let kind = if r.kind == RelationKind::View { "view" } else { "table" };
            let found = usize::try_from(column).ok().and_then(|c| r.columns.get(c.checked_sub(1)?));
            match found {
                Some(found) => {
                    let (of, name) = (identifier(&r.name), identifier(&found.name));
                    let kind = format!("{kind} column");
                    row![kind, "public", of.clone(), format!("public.{of}.{name}")].to_vec()
                }
                None => public(kind, &r.name),
            }
        }
        Object::Index(_, index) => public("index", &index.shown_name),
        Object::Sequence(r) => {
            public("sequence", r.sequence.as_ref().map_or("", |sequence| &sequence.name))
        }
        Object::RowType(r) => public("composite type", &r.name),
        Object::ArrayType(r) => public("type", &format!("{}[]", r.name)),
        Object::Rule(r) => {
            let identity = format!("\"_RETURN\" on public.{}", identifier(&r.name));
            row!["rule", Cell::Null, Cell::Null, identity].to_vec()
        }
        Object::Key(r, index) => constraint(&index.shown_name, &r.name),
        Object::ForeignKey(r, key) => constraint(&key.name, &r.name),
        Object::Check(r, check) => constraint(&check.name, &r.name),
        Object::Trigger(r, trigger) => {
            let identity =
                format!("{} on public.{}", identifier(&trigger.name), identifier(&r.name));
            row!["trigger", Cell::Null, Cell::Null, identity].to_vec()
        }
        Object::Procedure(_, trigger) => {
            let identity = format!("public.{}()", identifier(&trigger.name));
            row!["function", "public", Cell::Null, identity].to_vec()
        }
        Object::Default(r, column) => {
            let identity =
                format!("for public.{}.{}", identifier(&r.name), identifier(&column.name));
            row!["default value", Cell::Null, Cell::Null, identity].to_vec()
        }
    }
}

fn constraint(name: &str, of: &str) -> Vec<Cell> {
    let (name, of) = (identifier(name), identifier(of));
    row!["table constraint", "public", Cell::Null, format!("{name} on public.{of}")].to_vec()
}
