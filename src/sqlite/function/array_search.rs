//! Arrays compared and searched.
//! <https://www.postgresql.org/docs/15/functions-array.html>

use super::array::{Elements, array, element, elements};
use super::text::count;
use super::{Args, Flags, Function, Outcome, boolean};
use crate::sqlite::host::FunctionError;
use crate::types::Value;
use std::cmp::Ordering;

pub(super) const FUNCTIONS: &[Function] = &[
    ("pg_array_contains", 2, Flags::PURE, |a| boolean(contains(a, 0, 1)?)),
    ("pg_array_contained", 2, Flags::PURE, |a| boolean(contains(a, 1, 0)?)),
    ("pg_array_overlap", 2, Flags::PURE, overlap),
    ("pg_array_lt", 2, Flags::PURE, |a| boolean(order(a)?.is_lt())),
    ("pg_array_le", 2, Flags::PURE, |a| boolean(order(a)?.is_le())),
    ("pg_array_gt", 2, Flags::PURE, |a| boolean(order(a)?.is_gt())),
    ("pg_array_ge", 2, Flags::PURE, |a| boolean(order(a)?.is_ge())),
    ("pg_array_position", -1, Flags::PURE_NULLS, position),
    ("pg_array_positions", 2, Flags::PURE_NULLS, positions),
    ("pg_array_remove", 2, Flags::PURE_NULLS, remove),
    ("pg_array_replace", 3, Flags::PURE_NULLS, replace),
    ("pg_array_any_eq", 2, Flags::PURE_NULLS, any_eq),
    ("pg_array_all_ne", 2, Flags::PURE_NULLS, all_ne),
];

type Result<T> = std::result::Result<T, FunctionError>;

/// Order of two elements; NULL is the greatest.
pub(super) fn compare(a: &Value, b: &Value) -> Ordering {
    match (a, b) {
        (Value::Null, Value::Null) => Ordering::Equal,
        (Value::Null, _) => Ordering::Greater,
        (_, Value::Null) => Ordering::Less,
        (a, b) => super::string::order(a.borrow(), b.borrow()),
    }
}

fn equal(a: &Value, b: &Value) -> bool {
    compare(a, b).is_eq()
}

/// NULLs are equal to nothing here.
fn contains(args: &Args<'_>, whole: usize, part: usize) -> Result<bool> {
    let (whole, part) = (elements(args, whole)?, elements(args, part)?);
    let held = |value: &Value| {
        *value != Value::Null && whole.values().iter().any(|other| equal(other, value))
    };
    Ok(part.values().iter().all(held))
}

fn overlap(args: &Args<'_>) -> Outcome {
    let (a, b) = (elements(args, 0)?, elements(args, 1)?);
    let shared =
        |value: &Value| *value != Value::Null && b.values().iter().any(|other| equal(other, value));
    boolean(a.values().iter().any(shared))
}

/// Elements first, then lengths.
fn order(args: &Args<'_>) -> Result<Ordering> {
    let (a, b) = (elements(args, 0)?, elements(args, 1)?);
    let differing = a.values().iter().zip(b.values()).map(|(a, b)| compare(a, b));
    Ok(differing
        .into_iter()
        .find(|order| order.is_ne())
        .unwrap_or_else(|| a.values().len().cmp(&b.values().len()))
        .then_with(|| a.lengths().len().cmp(&b.lengths().len())))
}

fn one_dimension(found: &Elements, what: &str) -> Result<()> {
    if found.lengths().len() > 1 {
        let message = format!("{what} multidimensional arrays is not supported");
        return Err(FunctionError::new("0A000", message));
    }
    Ok(())
}

fn position(args: &Args<'_>) -> Outcome {
    if args.is_null(0) {
        return Ok(Value::Null);
    }
    if args.len() > 2 && args.is_null(2) {
        return Err(FunctionError::new("22004", "initial position must not be null"));
    }
    let found = elements(args, 0)?;
    one_dimension(&found, "searching for elements in")?;
    let wanted = element(args.value(1));
    let from = usize::try_from(args.int_or(2, 1)? - 1).unwrap_or(0);
    let at = found.values().iter().skip(from).position(|value| equal(value, &wanted));
    Ok(at.map_or(Value::Null, |at| Value::Integer(count(from + at) + 1)))
}

fn positions(args: &Args<'_>) -> Outcome {
    if args.is_null(0) {
        return Ok(Value::Null);
    }
    let found = elements(args, 0)?;
    one_dimension(&found, "searching for elements in")?;
    let wanted = element(args.value(1));
    let at = found.values().iter().enumerate().filter(|(_, value)| equal(value, &wanted));
    array(Elements::flat(at.map(|(at, _)| Value::Integer(count(at) + 1)).collect()))
}

fn remove(args: &Args<'_>) -> Outcome {
    if args.is_null(0) {
        return Ok(Value::Null);
    }
    let found = elements(args, 0)?;
    one_dimension(&found, "removing elements from")?;
    let unwanted = element(args.value(1));
    let kept = found.into_values().into_iter().filter(|value| !equal(value, &unwanted));
    array(Elements::flat(kept.collect()))
}

fn replace(args: &Args<'_>) -> Outcome {
    if args.is_null(0) {
        return Ok(Value::Null);
    }
    let (from, to) = (element(args.value(1)), element(args.value(2)));
    let change = |value| if equal(&value, &from) { to.clone() } else { value };
    array(elements(args, 0)?.map(|value| Ok(change(value)))?)
}

/// `x = ANY (array)`: true, or NULL rather than false when a NULL took part.
fn any_eq(args: &Args<'_>) -> Outcome {
    if args.is_null(1) {
        return Ok(Value::Null);
    }
    let found = elements(args, 1)?;
    let wanted = element(args.value(0));
    let values = found.values();
    if values.is_empty() {
        return boolean(false);
    }
    if wanted == Value::Null {
        return Ok(Value::Null);
    }
    if values.iter().any(|value| equal(value, &wanted)) {
        return boolean(true);
    }
    if values.contains(&Value::Null) { Ok(Value::Null) } else { boolean(false) }
}

/// `x <> ALL (array)`
fn all_ne(args: &Args<'_>) -> Outcome {
    Ok(match any_eq(args)? {
        Value::Integer(found) => Value::Integer(1 - found),
        null => null,
    })
}
