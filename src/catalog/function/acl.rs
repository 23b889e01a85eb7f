//! Privileges. Roles are enforced by SQLite's authorizer: a user may do everything, or read. The
//! roles that come with Postgres have there what it gives to them, and to everybody.
//! <https://www.postgresql.org/docs/15/functions-info.html>

use super::reference::class;
use super::{boolean, text, yes};
use crate::catalog::fixed::system_classes;
use crate::catalog::objects::{DATABASE_OWNER, OWNER};
use crate::sqlite::FunctionError;
use crate::sqlite::function::{Args, Flags, Function, Outcome};
use crate::types::{Oid, Value, ValueRef};

pub(super) const FUNCTIONS: &[Function] = &[
    ("acldefault", 2, Flags::STABLE, default),
    ("has_any_column_privilege", -1, Flags::STABLE, |args| on_relation(args, 2, COLUMN)),
    ("has_column_privilege", -1, Flags::STABLE, |args| on_relation(args, 3, COLUMN)),
    ("has_database_privilege", -1, Flags::STABLE, |args| on_any(args, DATABASE)),
    ("has_foreign_data_wrapper_privilege", -1, Flags::STABLE, yes),
    ("has_function_privilege", -1, Flags::STABLE, yes),
    ("has_language_privilege", -1, Flags::STABLE, yes),
    ("has_parameter_privilege", -1, Flags::STABLE, yes),
    ("has_schema_privilege", -1, Flags::STABLE, |args| on_any(args, SCHEMA)),
    ("has_sequence_privilege", -1, Flags::STABLE, |args| on_relation(args, 2, SEQUENCE)),
    ("has_server_privilege", -1, Flags::STABLE, yes),
    ("has_table_privilege", -1, Flags::STABLE, |args| on_relation(args, 2, TABLE)),
    ("has_tablespace_privilege", -1, Flags::STABLE, |args| on_any(args, TABLESPACE)),
    ("has_type_privilege", -1, Flags::STABLE, yes),
];

/// Privileges of a kind of object, with whether a user who only reads has them, and the role that
/// comes with Postgres and has them too.
type Privileges = &'static [(&'static str, bool, Oid)];

/// Everybody, as an ACL names it; also a role's number that no role has.
const EVERYBODY: Oid = 0;
const NOBODY: Oid = 1;
const READS_ALL: Oid = 6181;
const WRITES_ALL: Oid = 6182;

const TABLE: Privileges = &[
    ("SELECT", true, READS_ALL),
    ("INSERT", false, WRITES_ALL),
    ("UPDATE", false, WRITES_ALL),
    ("DELETE", false, WRITES_ALL),
    ("TRUNCATE", false, NOBODY),
    ("REFERENCES", false, NOBODY),
    ("TRIGGER", false, NOBODY),
];
const COLUMN: Privileges = &[
    ("SELECT", true, READS_ALL),
    ("INSERT", false, WRITES_ALL),
    ("UPDATE", false, WRITES_ALL),
    ("REFERENCES", false, NOBODY),
];
const SEQUENCE: Privileges =
    &[("SELECT", true, READS_ALL), ("USAGE", false, NOBODY), ("UPDATE", false, WRITES_ALL)];
const SCHEMA: Privileges = &[("USAGE", true, EVERYBODY), ("CREATE", false, DATABASE_OWNER)];
const DATABASE: Privileges = &[
    ("CONNECT", true, EVERYBODY),
    ("TEMPORARY", true, EVERYBODY),
    ("TEMP", true, EVERYBODY),
    ("CREATE", false, NOBODY),
];
const TABLESPACE: Privileges = &[("CREATE", false, NOBODY)];
/// Those of a system relation that everybody reads.
const SYSTEM: Privileges = &[
    ("SELECT", true, EVERYBODY),
    ("INSERT", false, NOBODY),
    ("UPDATE", false, NOBODY),
    ("DELETE", false, NOBODY),
    ("TRUNCATE", false, NOBODY),
    ("REFERENCES", false, NOBODY),
    ("TRIGGER", false, NOBODY),
];

/// System relations that only the owner reads.
const CLOSED: [&str; 12] = [
    "pg_authid",
    "pg_config",
    "pg_file_settings",
    "pg_hba_file_rules",
    "pg_ident_file_mappings",
    "pg_largeobject",
    "pg_replication_origin_status",
    "pg_shadow",
    "pg_statistic",
    "pg_statistic_ext_data",
    "pg_subscription",
    "pg_user_mapping",
];

/// The relation is the argument that many before the end; a user's name may stand before it.
fn on_relation(args: &Args<'_>, from_end: usize, privileges: Privileges) -> Outcome {
    let relation = args.len().saturating_sub(from_end);
    let oid = class(args, relation)?;
    match system_classes().get(&oid) {
        Some((name, _)) if !CLOSED.contains(&name.as_str()) => allowed(args, relation > 0, SYSTEM),
        None if super::live(args)?.object(oid).is_none() => Ok(Value::Null),
        _ => allowed(args, relation > 0, privileges),
    }
}

/// On what is not looked at any closer: a user's name may stand before it.
fn on_any(args: &Args<'_>, privileges: Privileges) -> Outcome {
    allowed(args, args.len() > 2, privileges)
}

/// The last argument is a list of privileges, of which one is enough; the first one may be the
/// user, which otherwise is the session's.
fn allowed(args: &Args<'_>, names_user: bool, privileges: Privileges) -> Outcome {
    let list = args.text(args.len().saturating_sub(1))?.to_ascii_uppercase();
    let user = if names_user { role(args)? } else { OWNER };
    let may_write = args.host()?.may_write();
    let mut any = false;
    for word in list.split(',').map(str::trim) {
        let word = word.strip_suffix("WITH GRANT OPTION").map_or(word, str::trim_end);
        let found = privileges.iter().find(|(name, ..)| *name == word);
        let Some(&(_, reads, holder)) = found else {
            let message = format!("unrecognized privilege type: \"{word}\"");
            return Err(FunctionError::new("22023", message));
        };
        any |= match user {
            OWNER => may_write || reads,
            user => holder == EVERYBODY || holder == user,
        };
    }
    boolean(any)
}

/// The role that the first argument is the name or the OID of.
fn role(args: &Args<'_>) -> Result<Oid, FunctionError> {
    let name = match args.value(0) {
        ValueRef::Text(_) => args.text(0)?,
        _ => return super::oid(args, 0),
    };
    if name == "public" {
        return Ok(EVERYBODY);
    }
    super::describe::oid_of_role(&*args.host()?, &name)
        .ok_or_else(|| FunctionError::new("42704", format!("role \"{name}\" does not exist")))
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
