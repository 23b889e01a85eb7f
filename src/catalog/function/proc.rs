//! Postgres's own functions, described.

use super::{null, oid, text_or_null};
use crate::catalog::kind::format_type;
use crate::catalog::relation::table;
use crate::catalog::rowset::Cell;
use crate::sqlite::function::{Args, Flags, Function, Outcome};
use crate::types::{Oid, Type};
use std::collections::HashMap;
use std::sync::LazyLock;

pub(super) const FUNCTIONS: &[Function] = &[
    ("oidvectortypes", 1, Flags::PURE, vector_types),
    ("pg_get_function_arg_default", 2, Flags::STABLE, null),
    ("pg_get_function_arguments", 1, Flags::STABLE, arguments),
    ("pg_get_function_identity_arguments", 1, Flags::STABLE, arguments),
    ("pg_get_function_result", 1, Flags::STABLE, result),
    ("pg_get_function_sqlbody", 1, Flags::STABLE, null),
    ("pg_get_functiondef", 1, Flags::STABLE, null),
];

/// What is shown of a function.
struct Described {
    name: &'static str,
    returns_set: bool,
    result: Oid,
    arguments: String,
}

static DESCRIBED: LazyLock<HashMap<Oid, Described>> = LazyLock::new(|| {
    let Some(table) = table("pg_catalog.pg_proc") else { return HashMap::new() };
    let at = ["oid", "proname", "proretset", "prorettype", "proargtypes"]
        .map(|c| table.system.relation.column_position(c).unwrap_or(0));
    let describe = |row: &[Cell]| {
        let [oid, name, set, result, arguments] = at.map(|i| &row[i]);
        let described = Described {
            name: if let Cell::Static(name) = name { name } else { "" },
            returns_set: *set == Cell::Static("t") || *set == Cell::Integer(1),
            result: number(result),
            arguments: if let Cell::Static(list) = arguments { types(list) } else { String::new() },
        };
        (number(oid), described)
    };
    table.fixed().rows().map(describe).collect()
});

fn number(cell: &Cell) -> Oid {
    if let Cell::Integer(number) = cell { Oid::try_from(*number).unwrap_or(0) } else { 0 }
}

fn types(vector: &str) -> String {
    let oids = vector.split_ascii_whitespace().filter_map(|oid| oid.parse().ok());
    let names: Vec<_> = oids.map(|oid| format_type(Type(oid), None)).collect();
    names.join(", ")
}

/// The name of a function.
pub(super) fn name(oid: Oid) -> Option<String> {
    DESCRIBED.get(&oid).map(|function| function.name.to_owned())
}

fn vector_types(args: &Args<'_>) -> Outcome {
    super::text(types(&args.text(0)?))
}

fn arguments(args: &Args<'_>) -> Outcome {
    text_or_null(DESCRIBED.get(&oid(args, 0)?).map(|function| function.arguments.clone()))
}

fn result(args: &Args<'_>) -> Outcome {
    text_or_null(DESCRIBED.get(&oid(args, 0)?).map(|function| {
        let set = if function.returns_set { "SETOF " } else { "" };
        format!("{set}{}", format_type(Type(function.result), None))
    }))
}
