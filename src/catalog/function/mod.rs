//! The catalog's functions: OIDs in, names, definitions and answers about objects out.
//! <https://www.postgresql.org/docs/15/functions-info.html>

mod acl;
mod definition;
mod describe;
mod identify;
mod information;
pub(super) mod operator;
mod proc;
mod reference;
mod sequence;
pub(super) mod set;
mod size;
mod visible;
mod wal;

pub use wal::position_text as wal_position;

pub(super) use describe::name_of_role;
pub(super) use reference::{name_of, oid_of};

use super::objects::Live;
use crate::sqlite::FunctionError;
use crate::sqlite::function::{Args, Asking, Function, Outcome};
use crate::types::{Oid, Value};

/// All of them, for registration.
pub(super) const TABLES: &[&[Function]] = &[
    acl::FUNCTIONS,
    definition::FUNCTIONS,
    describe::FUNCTIONS,
    information::FUNCTIONS,
    proc::FUNCTIONS,
    reference::FUNCTIONS,
    sequence::FUNCTIONS,
    size::FUNCTIONS,
    visible::FUNCTIONS,
    wal::FUNCTIONS,
];

/// Those that ask the database itself.
pub(super) const ASKING: &[&[Asking]] = &[sequence::ASKING, size::ASKING];

fn live(args: &Args<'_>) -> Result<Live, FunctionError> {
    Ok(Live::new(args.host()?.schema()))
}

/// An argument that is an OID; 0 for a number that is none.
fn oid(args: &Args<'_>, i: usize) -> Result<Oid, FunctionError> {
    Ok(Oid::try_from(args.int(i)?).unwrap_or(0))
}

#[expect(clippy::unnecessary_wraps, reason = "the form of a function's answer")]
fn text(value: impl Into<String>) -> Outcome {
    Ok(Value::Text(value.into()))
}

#[expect(clippy::unnecessary_wraps, reason = "the form of a function's answer")]
fn integer(value: impl Into<i64>) -> Outcome {
    Ok(Value::Integer(value.into()))
}

#[expect(clippy::unnecessary_wraps, reason = "the form of a function's answer")]
fn boolean(value: bool) -> Outcome {
    Ok(Value::Integer(value.into()))
}

fn text_or_null(value: Option<String>) -> Outcome {
    Ok(value.map_or(Value::Null, Value::Text))
}

fn null(_: &Args<'_>) -> Outcome {
    Ok(Value::Null)
}

fn yes(_: &Args<'_>) -> Outcome {
    boolean(true)
}

fn no(_: &Args<'_>) -> Outcome {
    boolean(false)
}

fn zero(_: &Args<'_>) -> Outcome {
    integer(0)
}
