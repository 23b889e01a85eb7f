//! Privileges. Roles are enforced by SQLite's authorizer: a role may do everything, or read.
//! <https://www.postgresql.org/docs/15/functions-info.html>

use super::reference::class;
use super::{boolean, text, yes};
use crate::catalog::fixed::system_classes;
use crate::sqlite::FunctionError;
use crate::sqlite::function::{Args, Flags, Function, Outcome};
use crate::types::Value;

pub(super) const FUNCTIONS: &[Function] = &[
    ("acldefault", 2, Flags::STABLE, default),
    ("has_any_column_privilege", -1, Flags::STABLE, |args| on_relation(args, 2, COLUMN)),
    ("has_column_privilege", -1, Flags::STABLE, |args| on_relation(args, 3, COLUMN)),
    ("has_database_privilege", -1, Flags::STABLE, |args| allowed(args, DATABASE)),
    ("has_foreign_data_wrapper_privilege", -1, Flags::STABLE, yes),
    ("has_function_privilege", -1, Flags::STABLE, yes),
    ("has_language_privilege", -1, Flags::STABLE, yes),
    ("has_parameter_privilege", -1, Flags::STABLE, yes),
    ("has_schema_privilege", -1, Flags::STABLE, |args| allowed(args, SCHEMA)),
    ("has_sequence_privilege", -1, Flags::STABLE, |args| on_relation(args, 2, SEQUENCE)),
    ("has_server_privilege", -1, Flags::STABLE, yes),
    ("has_table_privilege", -1, Flags::STABLE, |args| on_relation(args, 2, TABLE)),
    ("has_tablespace_privilege", -1, Flags::STABLE, |args| allowed(args, TABLESPACE)),
    ("has_type_privilege", -1, Flags::STABLE, yes),
];

/// Privileges of a kind of object, and whether one who only reads has them.
type Privileges = &'static [(&'static str, bool)];

const TABLE: Privileges = &[
    ("SELECT", true),
    ("INSERT", false),
    ("UPDATE", false),
    ("DELETE", false),
    ("TRUNCATE", false),
    ("REFERENCES", false),
    ("TRIGGER", false),
];
const COLUMN: Privileges =
    &[("SELECT", true), ("INSERT", false), ("UPDATE", false), ("REFERENCES", false)];
const SEQUENCE: Privileges = &[("SELECT", true), ("USAGE", false), ("UPDATE", false)];
const SCHEMA: Privileges = &[("USAGE", true), ("CREATE", false)];
const DATABASE: Privileges =
    &[("CONNECT", true), ("TEMPORARY", true), ("TEMP", true), ("CREATE", false)];
const TABLESPACE: Privileges = &[("CREATE", false)];

/// The relation is the argument that many before the end.
fn on_relation(args: &Args<'_>, from_end: usize, privileges: Privileges) -> Outcome {
    let relation = args.len().saturating_sub(from_end);
    let oid = class(args, relation)?;
    let known = system_classes().contains_key(&oid) || super::live(args)?.object(oid).is_some();
    if known { allowed(args, privileges) } else { Ok(Value::Null) }
}

/// The last argument is a list of privileges, of which one is enough.
fn allowed(args: &Args<'_>, privileges: Privileges) -> Outcome {
    let list = args.text(args.len().saturating_sub(1))?.to_ascii_uppercase();
    let may_write = args.host()?.may_write();
    let mut any = false;
    for word in list.split(',').map(str::trim) {
        let word = word.strip_suffix("WITH GRANT OPTION").map_or(word, str::trim_end);
        let Some((_, reads)) = privileges.iter().find(|(name, _)| *name == word) else {
            let message = format!("unrecognized privilege type: \"{word}\"");
            return Err(FunctionError::new("22023", message));
        };
        any |= may_write || *reads;
    }
    boolean(any)
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
        "p" => ("sA", ""),
        "L" => ("rw", ""),
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
