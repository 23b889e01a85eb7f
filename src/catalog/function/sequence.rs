//! Sequences: what counts the rowids of tables.
//!
//! SQLite gives the next rowid by itself: one more than the largest, and for AUTOINCREMENT one more
//! than the largest there ever was, which it keeps in `sqlite_sequence`
//! (<https://www.sqlite.org/autoinc.html>). So a number can be taken in advance for AUTOINCREMENT
//! only. <https://www.postgresql.org/docs/15/functions-sequence.html>

use super::{integer, live};
use crate::catalog::objects::Object;
use crate::schema::{Relation, Sequence};
use crate::sqlite::function::{Args, Asking, Flags, Function, Outcome};
use crate::sqlite::table::Caller;
use crate::sqlite::{FunctionError, Numbers};
use crate::types::Value;

pub(super) const FUNCTIONS: &[Function] = &[
    ("pg_currval", 1, Flags::STABLE, current),
    ("pg_lastval", 0, Flags::STABLE, |args| {
        let last = args.host()?.numbers().and_then(Numbers::last);
        last.map(Value::Integer).ok_or_else(|| undefined("lastval"))
    }),
];

pub(super) const ASKING: &[Asking] = &[
    ("pg_nextval", 1, next),
    ("pg_setval", 2, |args, caller| set(args, caller, true)),
    ("pg_setval", 3, |args, caller| set(args, caller, args.int(2)? != 0)),
    ("pg_sequence_last_value", 1, last_value),
];

fn undefined(what: &str) -> FunctionError {
    FunctionError::new("55000", format!("{what} is not yet defined in this session"))
}

/// `currval(sequence)`
fn current(args: &Args<'_>) -> Outcome {
    let host = args.host()?;
    with_sequence(args, |_, sequence| {
        let newest = host.numbers().and_then(|numbers| numbers.newest(sequence.oid));
        let undefined = || undefined(&format!("currval of sequence \"{}\"", sequence.name));
        newest.map(Value::Integer).ok_or_else(undefined)
    })
}

/// `nextval(sequence)`
fn next(args: &Args<'_>, caller: &Caller<'_>) -> Outcome {
    with_sequence(args, |table, sequence| {
        if !table.autoincrement {
            let message = format!(
                "nextval(\"{}\") is not supported: SQLite keeps no numbers back for a table \
                 without AUTOINCREMENT",
                sequence.name
            );
            return Err(FunctionError::new("0A000", message));
        }
        let next = last(table, caller)?.checked_add(1).ok_or_else(|| {
            let message = format!(
                "nextval: reached maximum value of sequence \"{}\" ({})",
                sequence.name,
                i64::MAX
            );
            FunctionError::new("2200H", message)
        })?;
        keep(table, next, caller)?;
        if let Some(numbers) = args.host()?.numbers() {
            numbers.give(sequence.oid, next);
        }
        integer(next)
    })
}

/// `setval(sequence, value, is_called)`
fn set(args: &Args<'_>, caller: &Caller<'_>, is_called: bool) -> Outcome {
    let value = args.int(1)?;
    with_sequence(args, |table, sequence| {
        if value < 1 {
            let message = format!(
                "setval: value {value} is out of bounds for sequence \"{}\" (1..{})",
                sequence.name,
                i64::MAX
            );
            return Err(FunctionError::new("22003", message));
        }
        let given = if is_called { value } else { value - 1 };
        if table.autoincrement {
            keep(table, given, caller)?;
        } else if given > last(table, caller)? {
            let message = format!(
                "setval(\"{}\", {value}) is not supported: SQLite goes on from the largest key of \
                 a table without AUTOINCREMENT",
                sequence.name
            );
            return Err(FunctionError::new("0A000", message));
        }
        if let (true, Some(numbers)) = (is_called, args.host()?.numbers()) {
            numbers.set(sequence.oid, value);
        }
        integer(value)
    })
}

/// The number given out last; NULL before the first.
fn last_value(args: &Args<'_>, caller: &Caller<'_>) -> Outcome {
    with_sequence(args, |table, _| {
        Ok(match last(table, caller)? {
            0 => Value::Null,
            last => Value::Integer(last),
        })
    })
}

fn with_sequence(args: &Args<'_>, then: impl FnOnce(&Relation, &Sequence) -> Outcome) -> Outcome {
    let (live, oid) = (live(args)?, super::reference::class(args, 0)?);
    let table = match live.object(oid) {
        Some(Object::Sequence(table)) => table.sequence.as_ref().map(|s| (table, s)),
        _ => None,
    };
    match table {
        Some((table, sequence)) => then(table, sequence),
        None => {
            let name = super::name_of(&*args.host()?, crate::types::Type::REGCLASS, oid);
            let name = name.unwrap_or_else(|| oid.to_string());
            Err(FunctionError::new("42809", format!("\"{name}\" is not a sequence")))
        }
    }
}

/// The rowid given out last; 0 before the first.
fn last(table: &Relation, caller: &Caller<'_>) -> Result<i64, FunctionError> {
    let name = table.name.replace('"', "\"\"");
    let largest = first(caller, &format!("SELECT max(rowid) FROM main.\"{name}\""), &[])?;
    if !table.autoincrement {
        return Ok(largest);
    }
    let sql = "SELECT seq FROM main.sqlite_sequence WHERE name = ?";
    Ok(largest.max(first(caller, sql, &[Value::Text(table.name.clone())])?))
}

/// The first value; 0 for NULL, for no row, and for what is less.
fn first(caller: &Caller<'_>, sql: &str, values: &[Value]) -> Result<i64, FunctionError> {
    Ok(match caller.rows(sql, values)?.into_iter().flatten().next() {
        Some(Value::Integer(number)) => number.max(0),
        _ => 0,
    })
}

fn keep(table: &Relation, last: i64, caller: &Caller<'_>) -> Result<(), FunctionError> {
    let values = [Value::Integer(last), Value::Text(table.name.clone())];
    let update = "UPDATE main.sqlite_sequence SET seq = ? WHERE name = ? RETURNING seq";
    if caller.rows(update, &values)?.is_empty() {
        caller.rows("INSERT INTO main.sqlite_sequence(seq, name) VALUES (?, ?)", &values)?;
    }
    Ok(())
}
