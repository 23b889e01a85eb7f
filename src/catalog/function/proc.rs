//! Postgres's own functions, described.

use super::{live, null, oid, text_or_null};
use crate::catalog::kind::format_type;
use crate::catalog::objects::Object;
use crate::catalog::procedure;
use crate::catalog::relation::table;
use crate::catalog::rowset::Cell;
use crate::sqlite::FunctionError;
use crate::sqlite::function::{Args, Flags, Function, Outcome};
use crate::types::{Oid, Type};
use std::collections::HashMap;
use std::sync::LazyLock;

pub(super) const FUNCTIONS: &[Function] = &[
    ("oidvectortypes", 1, Flags::PURE, vector_types),
    ("pg_get_function_arg_default", 2, Flags::STABLE, null),
    ("pg_get_function_arguments", 1, Flags::STABLE, arguments),
    ("pg_get_function_identity_arguments", 1, Flags::STABLE, identity_arguments),
    ("pg_get_function_result", 1, Flags::STABLE, result),
    ("pg_get_function_sqlbody", 1, Flags::STABLE, null),
    ("pg_get_functiondef", 1, Flags::STABLE, function_definition),
];

/// What is shown of a function.
struct Described {
    name: &'static str,
    returns_set: bool,
    result: Oid,
    /// The types of what it takes.
    arguments: String,
    argument_types: Vec<Oid>,
}

/// Arguments that have more than types, in full and without defaults; of `catalog/arguments.txt`.
static NAMED: LazyLock<HashMap<Oid, [&str; 2]>> = LazyLock::new(|| {
    let read = |line: &'static str| {
        let mut fields = line.split('\t');
        Some((fields.next()?.parse().ok()?, [fields.next()?, fields.next()?]))
    };
    include_str!("../../../catalog/arguments.txt").lines().filter_map(read).collect()
});

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
            argument_types: if let Cell::Static(list) = arguments { oids(list) } else { vec![] },
        };
        (number(oid), described)
    };
    table.fixed().rows().map(describe).collect()
});

fn number(cell: &Cell) -> Oid {
    if let Cell::Integer(number) = cell { Oid::try_from(*number).unwrap_or(0) } else { 0 }
}

fn oids(vector: &str) -> Vec<Oid> {
    vector.split_ascii_whitespace().filter_map(|oid| oid.parse().ok()).collect()
}

fn types(vector: &str) -> String {
    let names: Vec<_> = oids(vector).into_iter().map(|oid| format_type(Type(oid), None)).collect();
    names.join(", ")
}

/// How many functions have a name.
static COUNTS: LazyLock<HashMap<&'static str, usize>> = LazyLock::new(|| {
    let mut counts = HashMap::new();
    for function in DESCRIBED.values() {
        *counts.entry(function.name).or_default() += 1;
    }
    counts
});

/// `regproc`: the name, qualified where several functions share it.
pub(super) fn unambiguous_name(oid: Oid) -> Option<String> {
    let name = DESCRIBED.get(&oid)?.name;
    let alone = COUNTS.get(name) == Some(&1);
    Some(if alone { name.to_owned() } else { format!("pg_catalog.{name}") })
}

/// Whether several functions have the name.
pub(super) fn is_overloaded(name: &str) -> bool {
    COUNTS.get(name).is_some_and(|&count| count > 1)
}

/// The function of a name and types of arguments.
pub(super) fn find(name: &str, types: &[Oid]) -> Option<Oid> {
    let same = |f: &Described| f.name == name && f.argument_types == types;
    DESCRIBED.iter().find(|(_, function)| same(function)).map(|(&oid, _)| oid)
}

/// The name of a function.
pub(super) fn name(oid: Oid) -> Option<String> {
    DESCRIBED.get(&oid).map(|function| function.name.to_owned())
}

/// The name of a function and the types of its arguments.
pub(super) fn name_with_arguments(oid: Oid) -> Option<String> {
    let function = DESCRIBED.get(&oid)?;
    Some(format!("{}({})", function.name, function.arguments.replace(", ", ",")))
}

/// That of what a trigger runs; NULL for Postgres's own, which are in C.
fn function_definition(args: &Args<'_>) -> Outcome {
    let live = live(args)?;
    text_or_null(match live.object(oid(args, 0)?) {
        Some(Object::Procedure(table, trigger)) => {
            Some(procedure::definition(&live.schema, table, trigger))
        }
        _ => None,
    })
}

/// What triggers run takes nothing.
fn is_procedure(args: &Args<'_>) -> Result<bool, FunctionError> {
    Ok(matches!(live(args)?.object(oid(args, 0)?), Some(Object::Procedure(..))))
}

fn vector_types(args: &Args<'_>) -> Outcome {
    super::text(types(&args.text(0)?))
}

fn arguments(args: &Args<'_>) -> Outcome {
    described_arguments(args, |[all, _]| all)
}

fn identity_arguments(args: &Args<'_>) -> Outcome {
    described_arguments(args, |[_, identity]| identity)
}

fn described_arguments(args: &Args<'_>, choose: fn([&'static str; 2]) -> &'static str) -> Outcome {
    if is_procedure(args)? {
        return super::text("");
    }
    let oid = oid(args, 0)?;
    let types = || DESCRIBED.get(&oid).map(|function| function.arguments.clone());
    text_or_null(NAMED.get(&oid).map(|&named| choose(named).to_owned()).or_else(types))
}

fn result(args: &Args<'_>) -> Outcome {
    if is_procedure(args)? {
        return super::text("trigger");
    }
    text_or_null(DESCRIBED.get(&oid(args, 0)?).map(|function| {
        let set = if function.returns_set { "SETOF " } else { "" };
        format!("{set}{}", format_type(Type(function.result), None))
    }))
}
