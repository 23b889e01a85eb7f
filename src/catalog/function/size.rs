//! Sizes and counts.
//!
//! A table's pages are counted by the virtual table `dbstat` (<https://www.sqlite.org/dbstat.html>),
//! which visits each of them; in a large file the size is a share of the file's instead, by the rows
//! that ANALYZE counted.

use super::{integer, live, null, oid, text, zero};
use crate::catalog::fixed::system_classes;
use crate::catalog::objects::Object;
use crate::schema::{Index, Relation};
use crate::sqlite::FunctionError;
use crate::sqlite::function::{Args, Asking, Flags, Function, Outcome};
use crate::sqlite::table::Caller;
use crate::types::{Value, ValueRef};

pub(super) const FUNCTIONS: &[Function] = &[
    ("pg_size_pretty", 1, Flags::PURE, pretty),
    ("pg_stat_get_dead_tuples", 1, Flags::STABLE, zero),
    ("pg_stat_get_last_analyze_time", 1, Flags::STABLE, null),
    ("pg_stat_get_last_autoanalyze_time", 1, Flags::STABLE, null),
    ("pg_stat_get_last_autovacuum_time", 1, Flags::STABLE, null),
    ("pg_stat_get_last_vacuum_time", 1, Flags::STABLE, null),
    ("pg_stat_get_live_tuples", 1, Flags::STABLE, live_tuples),
    ("pg_stat_get_numscans", 1, Flags::STABLE, zero),
    ("pg_stat_get_tuples_inserted", 1, Flags::STABLE, zero),
];

pub(super) const ASKING: &[Asking] = &[
    ("pg_database_size", 1, |_, caller| integer(database_size(caller)?)),
    ("pg_indexes_size", 1, |args, caller| sized(args, caller, |of, caller| of.indexes(caller))),
    ("pg_relation_size", 1, |args, caller| sized(args, caller, |of, caller| of.own(caller))),
    ("pg_relation_size", 2, relation_fork_size),
    ("pg_table_size", 1, |args, caller| sized(args, caller, |of, caller| of.own(caller))),
    ("pg_tablespace_size", 1, tablespace_size),
    ("pg_total_relation_size", 1, |args, caller| {
        sized(args, caller, |of, caller| Ok(of.own(caller)? + of.indexes(caller)?))
    }),
];

/// Pages of a file in which tables' pages are still counted one by one.
const COUNTED_PAGES_MAX: i64 = 16_384;

fn number(caller: &Caller<'_>, sql: &str, values: &[Value]) -> Result<i64, FunctionError> {
    let rows = caller.rows(sql, values)?;
    Ok(match rows.first().and_then(|row| row.first()) {
        Some(Value::Integer(number)) => *number,
        _ => 0,
    })
}

fn database_size(caller: &Caller<'_>) -> Result<i64, FunctionError> {
    number(caller, "SELECT page_count * page_size FROM pragma_page_count, pragma_page_size", &[])
}

/// The file is in the default tablespace, given by name or number.
fn tablespace_size(args: &Args<'_>, caller: &Caller<'_>) -> Outcome {
    const DEFAULT: i64 = 1663;
    let default = match args.value(0) {
        ValueRef::Text(name) => name == b"pg_default",
        _ => args.int(0)? == DEFAULT,
    };
    integer(if default { database_size(caller)? } else { 0 })
}

/// A table or an index whose size is asked for.
enum Sized<'a> {
    Table(&'a Relation, f64),
    Index(&'a Index),
    None,
}

type Measure = fn(&Sized<'_>, &Caller<'_>) -> Result<i64, FunctionError>;

fn sized(args: &Args<'_>, caller: &Caller<'_>, measure: Measure) -> Outcome {
    let (live, oid) = (live(args)?, super::reference::class(args, 0)?);
    let rows = |relation: &Relation| relation.row_estimate.unwrap_or(0) as f64;
    let sized = match live.object(oid) {
        Some(Object::Relation(relation)) => {
            let all: f64 = live.schema.relations.iter().map(rows).sum();
            Sized::Table(relation, rows(relation) / all.max(1.0))
        }
        Some(Object::Index(_, index)) => Sized::Index(index),
        // Sequences and what Postgres itself has take no room here.
        Some(_) => Sized::None,
        None if system_classes().contains_key(&oid) => Sized::None,
        None => return Ok(Value::Null),
    };
    integer(measure(&sized, caller)?)
}

/// Postgres has other forks, SQLite only the main one.
fn relation_fork_size(args: &Args<'_>, caller: &Caller<'_>) -> Outcome {
    match args.text(1)?.as_ref() {
        "main" => sized(args, caller, |of, caller| of.own(caller)),
        _ => integer(0),
    }
}

impl Sized<'_> {
    fn own(&self, caller: &Caller<'_>) -> Result<i64, FunctionError> {
        match self {
            Self::Table(relation, share) => tree_size(caller, &relation.name, *share),
            Self::Index(index) => tree_size(caller, &index.name, 0.0),
            Self::None => Ok(0),
        }
    }

    fn indexes(&self, caller: &Caller<'_>) -> Result<i64, FunctionError> {
        let Self::Table(relation, _) = self else { return Ok(0) };
        relation.indexes.iter().try_fold(0, |sum, index| {
            let size = tree_size(caller, &index.name, 0.0)?;
            Ok(sum + size)
        })
    }
}

/// The size of a b-tree; `share` of the file when it is too large to be counted.
fn tree_size(caller: &Caller<'_>, name: &str, share: f64) -> Result<i64, FunctionError> {
    if number(caller, "SELECT page_count FROM pragma_page_count", &[])? > COUNTED_PAGES_MAX {
        return Ok((share * database_size(caller)? as f64) as i64);
    }
    let sql = "SELECT pgsize FROM dbstat WHERE name = ? AND aggregate = TRUE";
    number(caller, sql, &[Value::Text(name.to_owned())])
}

fn live_tuples(args: &Args<'_>) -> Outcome {
    let (live, oid) = (live(args)?, oid(args, 0)?);
    let count = match live.object(oid) {
        Some(Object::Relation(relation)) => relation.row_estimate.unwrap_or(0),
        _ => 0,
    };
    integer(i64::try_from(count).unwrap_or(i64::MAX))
}

/// Postgres stays with a unit up to ten thousand of it, and rounds half up.
fn pretty(args: &Args<'_>) -> Outcome {
    const UNITS: [&str; 6] = ["bytes", "kB", "MB", "GB", "TB", "PB"];
    let size = args.float(0)?;
    let mut shown = size.trunc();
    let mut unit = 0;
    while unit + 1 < UNITS.len() && shown.abs() >= limit(unit) {
        // From bytes on, the division keeps one bit more than is shown, for rounding.
        shown = if unit == 0 { (shown / 512.0).trunc() } else { (shown / 1024.0).trunc() };
        unit += 1;
    }
    if unit > 0 {
        shown = ((shown + shown.signum()) / 2.0).trunc();
    }
    text(format!("{shown:.0} {}", UNITS[unit]))
}

fn limit(unit: usize) -> f64 {
    if unit == 0 { 10.0 * 1024.0 } else { 20.0 * 1024.0 - 1.0 }
}
