//! Privileges. Roles are enforced by SQLite's authorizer; to the catalog everything that is there
//! belongs to those who see it. <https://www.postgresql.org/docs/15/functions-info.html>

use super::reference::class;
use super::{text, yes};
use crate::sqlite::function::{Args, Flags, Function, Outcome};
use crate::types::ValueRef;

pub(super) const FUNCTIONS: &[Function] = &[
    ("acldefault", 2, Flags::STABLE, default),
    ("has_any_column_privilege", -1, Flags::STABLE, on_relation),
    ("has_column_privilege", -1, Flags::STABLE, yes),
    ("has_database_privilege", -1, Flags::STABLE, yes),
    ("has_foreign_data_wrapper_privilege", -1, Flags::STABLE, yes),
    ("has_function_privilege", -1, Flags::STABLE, yes),
    ("has_language_privilege", -1, Flags::STABLE, yes),
    ("has_parameter_privilege", -1, Flags::STABLE, yes),
    ("has_schema_privilege", -1, Flags::STABLE, yes),
    ("has_sequence_privilege", -1, Flags::STABLE, yes),
    ("has_server_privilege", -1, Flags::STABLE, yes),
    ("has_table_privilege", -1, Flags::STABLE, on_relation),
    ("has_tablespace_privilege", -1, Flags::STABLE, yes),
    ("has_type_privilege", -1, Flags::STABLE, yes),
];

/// `has_table_privilege([role,] relation, privilege)`
fn on_relation(args: &Args<'_>) -> Outcome {
    let relation = args.len().saturating_sub(2);
    if let ValueRef::Text(_) = args.value(relation) {
        class(args, relation)?;
    }
    yes(args)
}

/// `acldefault(kind, owner)`: the owner has everything, the public what Postgres gives to it.
fn default(args: &Args<'_>) -> Outcome {
    let owner =
        super::describe::name_of_role(&*args.host()?, super::oid(args, 1)?).unwrap_or_default();
    let (all, public) = match args.text(0)?.as_ref() {
        "c" => ("", ""),
        "r" => ("arwdDxt", ""),
        "s" => ("rwU", ""),
        "d" => ("CTc", "Tc"),
        "f" => ("X", "X"),
        "l" | "T" => ("U", "U"),
        "n" => ("UC", ""),
        "t" => ("C", ""),
        _ => ("U", ""),
    };
    let mut entries = Vec::new();
    if !public.is_empty() {
        entries.push(format!("={public}/{owner}"));
    }
    if !all.is_empty() {
        entries.push(format!("{owner}={all}/{owner}"));
    }
    text(serde_json::Value::from(entries).to_string())
}
