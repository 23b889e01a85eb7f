//! Arrays: built, measured, cut and joined.
//!
//! Inside SQLite an array is a JSON array of its elements' forms, nested for dimensions; lower
//! bounds are always 1. <https://www.postgresql.org/docs/15/functions-array.html>

use super::encoding::hex_literal;
use super::json_scan::{Cursor, Kind, quote, unquote};
use super::{Args, Flags, Function, Outcome, integer, text};
use crate::sqlite::host::FunctionError;
use crate::types::{Value, ValueRef};
use text::count;

pub(super) const FUNCTIONS: &[Function] = &[
    ("pg_array", -1, Flags::PURE_NULLS, construct),
    ("pg_array_nested", -1, Flags::PURE_NULLS, nest),
    ("pg_array_append", 2, Flags::PURE_NULLS, |a| join(&elements_or_empty(a, 0)?, &single(a, 1))),
    ("pg_array_prepend", 2, Flags::PURE_NULLS, |a| join(&single(a, 0), &elements_or_empty(a, 1)?)),
    ("pg_array_cat", 2, Flags::PURE_NULLS, cat),
    ("pg_array_length", 2, Flags::PURE, |a| dimension(a, |length| length)),
    ("pg_array_upper", 2, Flags::PURE, |a| dimension(a, |length| length)),
    ("pg_array_lower", 2, Flags::PURE, |a| dimension(a, |_| 1)),
    ("pg_array_ndims", 1, Flags::PURE, ndims),
    ("pg_array_dims", 1, Flags::PURE, dims),
    ("pg_cardinality", 1, Flags::PURE, |a| integer(count(elements(a, 0)?.values.len()))),
    ("pg_array_fill", -1, Flags::PURE_NULLS, fill),
    ("pg_trim_array", 2, Flags::PURE, trim),
    ("pg_array_subscript", -1, Flags::PURE, subscript),
    ("pg_array_slice", -1, Flags::PURE_NULLS, slice),
    ("pg_array_to_string", -1, Flags::PURE_NULLS, to_string),
    ("pg_name_subscript", 2, Flags::PURE, name_subscript),
    ("pg_vector_subscript", 2, Flags::PURE, vector_subscript),
    ("pg_vector_lower", 2, Flags::PURE, |a| vector_bound(a, |_| 0)),
    ("pg_vector_upper", 2, Flags::PURE, |a| vector_bound(a, |length| length - 1)),
    ("pg_vector_to_array", 1, Flags::PURE, vector_to_array),
];

type Result<T> = std::result::Result<T, FunctionError>;

/// Dimensions an array may have.
const DIMENSIONS_MAX: usize = 6;

/// An array taken apart: its elements in storage order and the length of each dimension.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Elements {
    values: Vec<Value>,
    lengths: Vec<usize>,
}

impl Elements {
    /// One dimension, or none when empty.
    pub(super) fn flat(values: Vec<Value>) -> Self {
        let lengths = if values.is_empty() { Vec::new() } else { vec![values.len()] };
        Self { values, lengths }
    }

    /// Reads the inside-SQLite form.
    pub(super) fn parse(s: &str) -> Result<Self> {
        let malformed = || FunctionError::new("22P02", format!("malformed array literal: \"{s}\""));
        let mut found = Self::default();
        let mut cursor = Cursor::new(s);
        let raw = cursor.only_value().map_err(|_error| malformed())?;
        if Kind::of(raw) != Kind::Array {
            return Err(malformed());
        }
        found.collect(raw, 0).map_err(|_error| malformed())?;
        if found.values.is_empty() {
            found.lengths.clear();
        }
        Ok(found)
    }

    fn collect(&mut self, raw: &str, depth: usize) -> Result<()> {
        if depth >= DIMENSIONS_MAX {
            let message = "number of array dimensions exceeds the maximum allowed (6)";
            return Err(FunctionError::new("54000", message));
        }
        let items = Cursor::new(raw).elements()?;
        match self.lengths.get(depth) {
            None => self.lengths.push(items.len()),
            Some(length) if *length == items.len() => {}
            Some(_) => return Err(ragged()),
        }
        for item in items {
            if Kind::of(item) == Kind::Array {
                self.collect(item, depth + 1)?;
            } else if self.lengths.len() > depth + 1 {
                return Err(ragged());
            } else {
                self.values.push(json_element(item)?);
            }
        }
        Ok(())
    }

    /// All elements.
    pub(super) fn values(&self) -> &[Value] {
        &self.values
    }

    /// All elements, owned.
    pub(super) fn into_values(self) -> Vec<Value> {
        self.values
    }

    /// The length of each dimension.
    pub(super) fn lengths(&self) -> &[usize] {
        &self.lengths
    }

    /// The same shape with each element changed.
    pub(super) fn map(self, change: impl FnMut(Value) -> Outcome) -> Result<Self> {
        let values = self.values.into_iter().map(change).collect::<Result<_>>()?;
        Ok(Self { values, lengths: self.lengths })
    }

    /// Writes brackets and separators around what `element` writes.
    pub(super) fn write(
        &self,
        out: &mut String,
        [open, separator, close]: [&str; 3],
        element: &mut dyn FnMut(&mut String, &Value),
    ) {
        if self.values.is_empty() {
            out.push_str(open);
            out.push_str(close);
            return;
        }
        self.write_dimension(out, [open, separator, close], element, (0, 0));
    }

    fn write_dimension(
        &self,
        out: &mut String,
        marks: [&str; 3],
        element: &mut dyn FnMut(&mut String, &Value),
        (depth, at): (usize, usize),
    ) {
        let inner: usize = self.lengths.iter().skip(depth + 1).product();
        let length = self.lengths.get(depth).copied().unwrap_or(0);
        out.push_str(marks[0]);
        for i in 0..length {
            if i > 0 {
                out.push_str(marks[1]);
            }
            if depth + 1 < self.lengths.len() {
                self.write_dimension(out, marks, element, (depth + 1, at + i * inner));
            } else {
                element(out, self.values.get(at + i).unwrap_or(&Value::Null));
            }
        }
        out.push_str(marks[2]);
    }

    fn to_json(&self) -> String {
        let mut out = String::with_capacity(self.values.len() * 8 + 2);
        self.write(&mut out, ["[", ",", "]"], &mut |out, value| write_json(out, value));
        out
    }
}

fn ragged() -> FunctionError {
    let message = "multidimensional arrays must have array expressions with matching dimensions";
    FunctionError::new("2202E", message)
}

fn json_element(raw: &str) -> Outcome {
    Ok(match Kind::of(raw) {
        Kind::Null => Value::Null,
        Kind::String => Value::Text(unquote(raw)?),
        Kind::True => Value::Integer(1),
        Kind::False => Value::Integer(0),
        Kind::Number => match (raw.parse::<i64>(), raw.parse::<f64>()) {
            (Ok(i), _) => Value::Integer(i),
            (Err(_), Ok(r)) => Value::Real(r),
            _ => Value::Text(raw.to_owned()),
        },
        // An element of a json[] is kept as a string; an object here is one written by hand.
        Kind::Object | Kind::Array => Value::Text(raw.to_owned()),
    })
}

fn write_json(out: &mut String, value: &Value) {
    match value {
        Value::Null => out.push_str("null"),
        Value::Integer(i) => out.push_str(itoa::Buffer::new().format(*i)),
        Value::Real(r) if r.is_finite() => out.push_str(ryu::Buffer::new().format_finite(*r)),
        Value::Real(r) => quote(out, &super::math::float_text(*r)),
        Value::Text(t) => quote(out, t),
        Value::Blob(b) => quote(out, &hex_literal(b)),
    }
}

/// The inside-SQLite form of an array.
pub(super) fn array(elements: Elements) -> Outcome {
    text(elements.to_json())
}

/// A scalar as an element.
pub(super) fn element(value: ValueRef<'_>) -> Value {
    match value {
        ValueRef::Null => Value::Null,
        ValueRef::Integer(i) => Value::Integer(i),
        ValueRef::Real(r) => Value::Real(r),
        ValueRef::Text(t) => Value::Text(String::from_utf8_lossy(t).into_owned()),
        ValueRef::Blob(b) => Value::Text(hex_literal(b)),
    }
}

pub(super) fn elements(args: &Args<'_>, i: usize) -> Result<Elements> {
    Elements::parse(&args.text(i)?)
}

fn elements_or_empty(args: &Args<'_>, i: usize) -> Result<Elements> {
    if args.is_null(i) { Ok(Elements::default()) } else { elements(args, i) }
}

fn single(args: &Args<'_>, i: usize) -> Elements {
    Elements::flat(vec![element(args.value(i))])
}

fn construct(args: &Args<'_>) -> Outcome {
    array(Elements::flat(args.values().iter().copied().map(element).collect()))
}

fn nest(args: &Args<'_>) -> Outcome {
    let mut all = Elements::default();
    for i in 0..args.len() {
        let inner = elements_or_empty(args, i)?;
        if i == 0 {
            all.lengths = inner.lengths.clone();
        } else if all.lengths != inner.lengths {
            return Err(ragged());
        }
        all.values.extend(inner.values);
    }
    if !all.lengths.is_empty() {
        all.lengths.insert(0, args.len());
    }
    array(all)
}

fn cat(args: &Args<'_>) -> Outcome {
    match (args.is_null(0), args.is_null(1)) {
        (true, _) => args.owned(1),
        (_, true) => args.owned(0),
        _ => join(&elements(args, 0)?, &elements(args, 1)?),
    }
}

/// Joined along the first dimension; one side may have a dimension less.
fn join(a: &Elements, b: &Elements) -> Outcome {
    let incompatible = || FunctionError::new("2202E", "cannot concatenate incompatible arrays");
    let lengths = match (a.lengths.as_slice(), b.lengths.as_slice()) {
        ([], other) | (other, []) => other.to_vec(),
        ([n, x @ ..], [m, y @ ..]) if x == y => [&[n + m], x].concat(),
        ([n, x @ ..], y) if x == y => [&[n + 1], x].concat(),
        (x, [m, y @ ..]) if x == y => [&[m + 1], y].concat(),
        _ => return Err(incompatible()),
    };
    array(Elements { values: [a.values.as_slice(), b.values.as_slice()].concat(), lengths })
}

fn dimension(args: &Args<'_>, measure: fn(i64) -> i64) -> Outcome {
    let found = elements(args, 0)?;
    let at = usize::try_from(args.int(1)? - 1).ok();
    match at.and_then(|at| found.lengths.get(at).copied()) {
        Some(length) => integer(measure(count(length))),
        None => Ok(Value::Null),
    }
}

fn ndims(args: &Args<'_>) -> Outcome {
    match elements(args, 0)?.lengths.len() {
        0 => Ok(Value::Null),
        n => integer(count(n)),
    }
}

fn dims(args: &Args<'_>) -> Outcome {
    let found = elements(args, 0)?;
    if found.lengths.is_empty() {
        return Ok(Value::Null);
    }
    text(found.lengths.iter().map(|length| format!("[1:{length}]")).collect::<String>())
}

/// Elements a client can ask for in one call.
const ELEMENTS_MAX: usize = 10_000_000;

fn fill(args: &Args<'_>) -> Outcome {
    if args.is_null(1) || (args.len() > 2 && args.is_null(2)) {
        let message = "dimension array or low bound array cannot be null";
        return Err(FunctionError::new("22004", message));
    }
    let mut lengths = Vec::new();
    for value in elements(args, 1)?.values {
        let Value::Integer(n) = value else {
            return Err(FunctionError::new("22004", "dimension values cannot be null"));
        };
        lengths.push(usize::try_from(n).unwrap_or(0));
    }
    if args.len() > 2 && elements(args, 2)?.values.iter().any(|bound| *bound != Value::Integer(1)) {
        return Err(FunctionError::new(
            "0A000",
            "array lower bounds other than 1 are not supported",
        ));
    }
    let total = lengths.iter().try_fold(1_usize, |total, length| total.checked_mul(*length));
    let total = total
        .filter(|total| *total <= ELEMENTS_MAX)
        .ok_or_else(|| FunctionError::new("54000", "array size exceeds the maximum allowed"))?;
    if total == 0 {
        lengths.clear();
    }
    array(Elements { values: vec![element(args.value(0)); total], lengths })
}

fn trim(args: &Args<'_>) -> Outcome {
    let mut found = elements(args, 0)?;
    let length = found.lengths.first().copied().unwrap_or(0);
    let n = args.int(1)?;
    let kept = usize::try_from(n).ok().and_then(|n| length.checked_sub(n)).ok_or_else(|| {
        let message = format!("number of elements to trim must be between 0 and {length}");
        FunctionError::new("2202E", message)
    })?;
    let inner: usize = found.lengths.iter().skip(1).product();
    found.values.truncate(kept * inner);
    if kept == 0 {
        found.lengths.clear();
    } else {
        found.lengths[0] = kept;
    }
    array(found)
}

fn subscript(args: &Args<'_>) -> Outcome {
    let found = elements(args, 0)?;
    if args.len() - 1 != found.lengths.len() {
        return Ok(Value::Null);
    }
    let mut at = 0;
    for (i, length) in found.lengths.iter().enumerate() {
        let index = usize::try_from(args.int(i + 1)? - 1).ok().filter(|index| index < length);
        let Some(index) = index else { return Ok(Value::Null) };
        at = at * length + index;
    }
    Ok(found.values.get(at).cloned().unwrap_or(Value::Null))
}

/// `a[l1:u1][l2:u2]`: array, l1, u1, l2, u2; NULL for a bound left out.
fn slice(args: &Args<'_>) -> Outcome {
    if args.is_null(0) {
        return Ok(Value::Null);
    }
    let found = elements(args, 0)?;
    let mut ranges = Vec::new();
    for (i, length) in found.lengths.iter().enumerate() {
        let low = args.int_or(1 + 2 * i, 1)?.max(1) - 1;
        let high = args.int_or(2 + 2 * i, count(*length))?.min(count(*length));
        let start = usize::try_from(low).unwrap_or(usize::MAX);
        let end = usize::try_from(high).unwrap_or(0);
        if start >= end {
            return array(Elements::default());
        }
        ranges.push(start..end);
    }
    if args.len() > 1 + 2 * found.lengths.len() {
        return array(Elements::default());
    }
    let mut values = Vec::new();
    for (at, value) in found.values.into_iter().enumerate() {
        let mut rest = at;
        let inside = found.lengths.iter().zip(&ranges).rev().all(|(length, range)| {
            let index = rest % length;
            rest /= length;
            range.contains(&index)
        });
        if inside {
            values.push(value);
        }
    }
    array(Elements { values, lengths: ranges.iter().map(ExactSizeIterator::len).collect() })
}

fn to_string(args: &Args<'_>) -> Outcome {
    let (Some(_), Some(separator)) = (args.text_if(0)?, args.text_if(1)?) else {
        return Ok(Value::Null);
    };
    let null = args.text_if(2)?;
    let mut parts = Vec::new();
    for value in elements(args, 0)?.values {
        match value {
            Value::Null => parts.extend(null.as_deref().map(str::to_owned)),
            value => parts.push(text::display(value.borrow())?),
        }
    }
    text(parts.join(&separator))
}

/// A bound of the only dimension of int2vector and oidvector, which count from 0.
fn vector_bound(args: &Args<'_>, bound: fn(i64) -> i64) -> Outcome {
    let length = count(vector(args)?.len());
    Ok(if args.int(1)? == 1 && length > 0 { Value::Integer(bound(length)) } else { Value::Null })
}

/// The numbers of int2vector and oidvector.
pub(super) fn vector(args: &Args<'_>) -> Result<Vec<i64>> {
    let s = args.text(0)?;
    s.split_ascii_whitespace().map(|part| super::cast::parse_int(part, "smallint")).collect()
}

/// int2vector and oidvector count from 0.
fn vector_subscript(args: &Args<'_>) -> Outcome {
    let at = usize::try_from(args.int(1)?).ok();
    let found = vector(args)?;
    Ok(at.and_then(|at| found.get(at)).map_or(Value::Null, |n| Value::Integer(*n)))
}

/// A name is 64 bytes, counted from 0; those behind its text are zero.
fn name_subscript(args: &Args<'_>) -> Outcome {
    const NAME_BYTES: i64 = 64;
    let (name, at) = (args.text(0)?, args.int(1)?);
    if !(0..NAME_BYTES).contains(&at) {
        return Ok(Value::Null);
    }
    let byte = usize::try_from(at).ok().and_then(|at| name.as_bytes().get(at));
    text(byte.map_or(String::new(), |&byte| char::from(byte).to_string()))
}

fn vector_to_array(args: &Args<'_>) -> Outcome {
    array(Elements::flat(vector(args)?.into_iter().map(Value::Integer).collect()))
}
