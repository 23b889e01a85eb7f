//! Postgres's functions as SQLite functions.
//!
//! What enters: arguments in the inside-SQLite forms of [`crate::types`]. What leaves: a value in
//! the same forms, or a [`FunctionError`] left in the connection's [`HostSlot`] for the session.
//! Names and signatures stand in `catalog/functions.txt`, `operators.txt` and `casts.txt`; no name
//! here is one of SQLite's builtins.
//!
//! A function is a row of a table: name, number of arguments (-1 for any), [`Flags`], Rust function.
//! Functions can be called only by statements, never by what is stored in a file's schema, but for
//! those that stand for SQLite's own.
//! <https://www.postgresql.org/docs/15/functions.html>

mod aggregate;
mod args;
mod arithmetic;
mod array;
mod array_cast;
mod array_search;
mod bits;
mod call;
mod cast;
mod datetime;
mod datetime_cast;
mod datetime_field;
mod decimal;
mod encoding;
mod format_datetime;
mod format_number;
mod interval;
mod json;
mod json_build;
mod json_edit;
mod json_scan;
mod json_value;
mod lock;
mod math;
mod numeric;
mod parse_datetime;
mod pattern;
mod record;
mod regex;
mod regexp;
mod search;
mod series;
mod session;
mod statistics;
mod string;
mod template;
mod text;
mod trigonometry;

pub use args::Args;
pub use lock::{release_all, release_transaction};
pub use math::RandomState;
pub use session::{note_start, transaction_number};

use super::host::{FunctionError, HostSlot};
use super::table::Caller;
use crate::types::{Value, ValueRef};
use rusqlite::functions::{Context, FunctionFlags};
use rusqlite::types::ValueRef as Raw;
use std::sync::{Arc, PoisonError, RwLock};

/// What a SQL function answers.
pub type Outcome = Result<Value, FunctionError>;

/// The Rust side of a SQL function.
pub type Scalar = fn(&Args<'_>) -> Outcome;

/// One SQL function: name, number of arguments (-1 for any), what it promises, and its code.
pub type Function = (&'static str, i32, Flags, Scalar);

/// What a SQL function promises.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Flags {
    nulls: bool,
    pure: bool,
    in_views: bool,
}

impl Flags {
    /// Depends on nothing but its arguments; NULL if any of them is NULL.
    pub const PURE: Self = Self { nulls: false, pure: true, in_views: false };
    /// Depends on nothing but its arguments; is called with NULLs too.
    pub const PURE_NULLS: Self = Self { nulls: true, pure: true, in_views: false };
    /// Depends on the session, the file or the clock; NULL if any argument is NULL.
    pub const STABLE: Self = Self { nulls: false, pure: false, in_views: false };
    /// Depends on the session, the file or the clock; is called with NULLs too.
    pub const STABLE_NULLS: Self = Self { nulls: true, pure: false, in_views: false };

    /// The function may be called by views: for those of the catalog, which are egret's own.
    #[must_use]
    pub const fn in_views(self) -> Self {
        Self { in_views: true, ..self }
    }

    fn sqlite(self) -> FunctionFlags {
        let mut flags = FunctionFlags::SQLITE_UTF8;
        if self.pure {
            flags |= FunctionFlags::SQLITE_DETERMINISTIC;
        }
        flags
            | if self.in_views {
                FunctionFlags::SQLITE_INNOCUOUS
            } else {
                FunctionFlags::SQLITE_DIRECTONLY
            }
    }
}

/// Registers every function of this room on a connection.
///
/// # Errors
/// SQLite's, when it cannot take a function.
pub fn register(connection: &rusqlite::Connection, slot: &Arc<HostSlot>) -> rusqlite::Result<()> {
    for table in TABLES {
        register_table(connection, slot, table)?;
    }
    for table in AGGREGATES {
        aggregate::register(connection, slot, table)?;
    }
    series::register(connection, slot)
}

/// Registers the functions of one table.
///
/// # Errors
/// SQLite's, when it cannot take a function.
pub fn register_table(
    connection: &rusqlite::Connection,
    slot: &Arc<HostSlot>,
    table: &'static [Function],
) -> rusqlite::Result<()> {
    table.iter().try_for_each(|function| call::register(connection, slot, *function))
}

/// Registers the functions of another room's table, and remembers them as casts of array elements.
///
/// # Errors
/// SQLite's, when it cannot take a function.
pub fn add(
    connection: &rusqlite::Connection,
    slot: &Arc<HostSlot>,
    table: &'static [Function],
) -> rusqlite::Result<()> {
    let known = |added: &Vec<&'static [Function]>| added.iter().any(|t| std::ptr::eq(*t, table));
    let is_new = !known(&ADDED.read().unwrap_or_else(PoisonError::into_inner));
    if is_new {
        let mut added = ADDED.write().unwrap_or_else(PoisonError::into_inner);
        if !known(&added) {
            added.push(table);
        }
    }
    register_table(connection, slot, table)
}

/// A SQL function that asks the database itself: name, number of arguments, and its code.
pub type Asking = (&'static str, i32, fn(&Args<'_>, &Caller<'_>) -> Outcome);

/// Registers functions that ask the database. A NULL argument makes them NULL.
///
/// # Errors
/// SQLite's, when it cannot take a function.
pub fn add_asking(
    connection: &rusqlite::Connection,
    slot: &Arc<HostSlot>,
    table: &'static [Asking],
) -> rusqlite::Result<()> {
    for &(name, arity, call) in table {
        let slot = Arc::clone(slot);
        connection.create_scalar_function(name, arity, Flags::STABLE.sqlite(), move |context| {
            // SAFETY: the handle is used on this thread, while the function runs on it.
            let db = unsafe { context.get_connection()?.handle() };
            with_arguments(context, |values| {
                if values.contains(&ValueRef::Null) {
                    return Ok(rusqlite::types::Value::Null);
                }
                outcome(&slot, call(&Args::new(values, &slot), &Caller::new(db, &slot)))
            })
        })?;
    }
    Ok(())
}

/// Tables of other rooms.
static ADDED: RwLock<Vec<&'static [Function]>> = RwLock::new(Vec::new());

/// The function of that name in any table: casts of array elements are named so.
fn scalar(name: &str) -> Option<Function> {
    let named = |table: &&'static [Function]| table.iter().find(|row| row.0 == name).copied();
    let added = ADDED.read().unwrap_or_else(PoisonError::into_inner);
    TABLES.iter().find_map(named).or_else(|| added.iter().find_map(named))
}

const AGGREGATES: &[&[aggregate::Aggregate]] =
    &[aggregate::AGGREGATES, statistics::AGGREGATES, interval::AGGREGATES, json_build::AGGREGATES];

const TABLES: &[&[Function]] = &[
    text::FUNCTIONS,
    string::FUNCTIONS,
    encoding::FUNCTIONS,
    pattern::FUNCTIONS,
    regexp::FUNCTIONS,
    arithmetic::FUNCTIONS,
    math::FUNCTIONS,
    trigonometry::FUNCTIONS,
    numeric::FUNCTIONS,
    cast::FUNCTIONS,
    json::FUNCTIONS,
    json_build::FUNCTIONS,
    json_edit::FUNCTIONS,
    array::FUNCTIONS,
    array_cast::FUNCTIONS,
    array_search::FUNCTIONS,
    datetime::FUNCTIONS,
    datetime_cast::FUNCTIONS,
    datetime_field::FUNCTIONS,
    interval::FUNCTIONS,
    format_datetime::FUNCTIONS,
    parse_datetime::FUNCTIONS,
    format_number::FUNCTIONS,
    bits::FUNCTIONS,
    record::FUNCTIONS,
    session::FUNCTIONS,
    lock::FUNCTIONS,
    search::FUNCTIONS,
];

/// Functions rarely have more arguments than this; those that do pay an allocation.
const INLINE_ARGUMENTS: usize = 8;

fn with_arguments<R>(context: &Context<'_>, call: impl FnOnce(&[ValueRef<'_>]) -> R) -> R {
    let count = context.len();
    if count <= INLINE_ARGUMENTS {
        let mut values = [ValueRef::Null; INLINE_ARGUMENTS];
        for (i, value) in values.iter_mut().enumerate().take(count) {
            *value = borrow(context.get_raw(i));
        }
        return call(&values[..count]);
    }
    call(&borrow_all(context))
}

fn borrow_all<'a>(context: &'a Context<'_>) -> Vec<ValueRef<'a>> {
    (0..context.len()).map(|i| borrow(context.get_raw(i))).collect()
}

fn borrow(raw: Raw<'_>) -> ValueRef<'_> {
    match raw {
        Raw::Null => ValueRef::Null,
        Raw::Integer(i) => ValueRef::Integer(i),
        Raw::Real(r) => ValueRef::Real(r),
        Raw::Text(t) => ValueRef::Text(t),
        Raw::Blob(b) => ValueRef::Blob(b),
    }
}

fn outcome(slot: &HostSlot, outcome: Outcome) -> rusqlite::Result<rusqlite::types::Value> {
    match outcome {
        Ok(Value::Null) => Ok(rusqlite::types::Value::Null),
        Ok(Value::Integer(i)) => Ok(rusqlite::types::Value::Integer(i)),
        // SQLite has no NaN and would make it NULL.
        Ok(Value::Real(r)) if r.is_nan() => Ok(rusqlite::types::Value::Text("NaN".to_owned())),
        Ok(Value::Real(r)) => Ok(rusqlite::types::Value::Real(r)),
        Ok(Value::Text(t)) => Ok(rusqlite::types::Value::Text(t)),
        Ok(Value::Blob(b)) => Ok(rusqlite::types::Value::Blob(b)),
        Err(error) => Err(refuse(slot, error)),
    }
}

fn refuse(slot: &HostSlot, error: FunctionError) -> rusqlite::Error {
    slot.fail(error.clone());
    rusqlite::Error::UserFunctionError(Box::new(error))
}

fn text(value: impl Into<String>) -> Outcome {
    Ok(Value::Text(value.into()))
}

fn integer(value: impl Into<i64>) -> Outcome {
    Ok(Value::Integer(value.into()))
}

fn boolean(value: bool) -> Outcome {
    Ok(Value::Integer(i64::from(value)))
}

#[cfg(test)]
mod tests;
