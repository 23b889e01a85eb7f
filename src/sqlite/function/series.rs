//! Set-returning functions, as table-valued functions.
//!
//! Each has its result's columns (`value` when there is one), `ordinality` counting from 1, and
//! its arguments as hidden columns. <https://www.postgresql.org/docs/15/functions-srf.html>

use super::array::{Elements, array, elements};
use super::datetime::{interval, session_zone, timestamp, timestamptz};
use super::decimal::Decimal;
use super::json::as_text;
use super::json_scan::{Cursor, Kind, unquote};
use super::text::count;
use super::{Args, args};
use crate::sqlite::host::{FunctionError, HostSlot};
use crate::sqlite::table::{self, Affinity, Caller, ColumnRole, Rows, Source, SourceColumn};
use crate::types::{Value, ValueRef, datetime};
use std::sync::Arc;

type Result<T> = std::result::Result<T, FunctionError>;

/// Rows as they come.
type Sequence = Box<dyn Iterator<Item = Result<Vec<Value>>>>;

/// One set-returning function: name, columns, most arguments, code.
type SetFunction =
    (&'static str, &'static [&'static str], usize, fn(&Args<'_>) -> Result<Sequence>);

const VALUE: &[&str] = &["value"];

/// Arrays that `unnest` takes side by side.
const UNNEST: &[&str] =
    &["value", "value2", "value3", "value4", "value5", "value6", "value7", "value8"];

const FUNCTIONS: &[SetFunction] = &[
    ("pg_generate_series_int", VALUE, 3, integers),
    ("pg_generate_series_numeric", VALUE, 3, numerics),
    ("pg_generate_series_timestamp", VALUE, 3, timestamps),
    ("pg_generate_series_timestamptz", VALUE, 3, moments),
    ("pg_generate_subscripts", VALUE, 3, subscripts),
    ("pg_vector_subscripts", VALUE, 2, vector_subscripts),
    ("pg_unnest", UNNEST, UNNEST.len(), unnest),
    ("pg_string_to_table", VALUE, 3, |a| Ok(values(super::string::split(a)?.unwrap_or_default()))),
    ("pg_regexp_matches", VALUE, 3, regexp_matches),
    ("pg_regexp_split_to_table", VALUE, 3, |a| {
        Ok(values(super::regexp::split(&super::regexp::pattern(a, 2)?, &a.text(0)?)))
    }),
    ("pg_json_array_elements", VALUE, 1, |a| json_elements(a, |raw| Ok(text(raw)))),
    ("pg_json_array_elements_text", VALUE, 1, |a| json_elements(a, as_text)),
    ("pg_json_each", &["key", "value"], 1, |a| json_each(a, |raw| Ok(text(raw)))),
    ("pg_json_each_text", &["key", "value"], 1, |a| json_each(a, as_text)),
    ("pg_json_object_keys", VALUE, 1, json_keys),
    ("pg_options_to_table", &["option_name", "option_value"], 1, options),
    ("_pg_expandarray", &["x", "n"], 1, expand),
    ("pg_listening_channels", VALUE, 0, |_| Ok(values(Vec::new()))),
];

/// Registers them on a connection.
///
/// # Errors
/// SQLite's, when it cannot take a module.
pub(super) fn register(
    connection: &rusqlite::Connection,
    slot: &Arc<HostSlot>,
) -> rusqlite::Result<()> {
    for function in FUNCTIONS {
        table::register(connection, slot, function.0, Arc::new(SetSource(function)))?;
    }
    Ok(())
}

struct SetSource(&'static SetFunction);

impl SetSource {
    /// Where the arguments begin.
    fn first_argument(&self) -> usize {
        self.0.1.len() + 1
    }
}

impl Source for SetSource {
    fn columns(&self) -> Vec<SourceColumn> {
        let column =
            |name: String, role| SourceColumn { name: name.into(), affinity: Affinity::None, role };
        let shown = self.0.1.iter().map(|name| column((*name).to_owned(), ColumnRole::Shown));
        let ordinality = column("ordinality".to_owned(), ColumnRole::Shown);
        let arguments =
            (1..=self.0.2).map(|n| column(format!("argument{n}"), ColumnRole::Argument));
        shown.chain([ordinality]).chain(arguments).collect()
    }

    fn estimate(&self, fixed: &[usize]) -> Option<u64> {
        fixed.is_empty().then_some(100)
    }

    fn open(&self, caller: &Caller<'_>, equals: &[(usize, Value)]) -> Result<Box<dyn Rows>> {
        let first = self.first_argument();
        let given = equals.iter().map(|(column, _)| column + 1 - first).max().unwrap_or(0);
        let mut arguments = vec![ValueRef::Null; given];
        for (column, value) in equals {
            arguments[column - first] = value.borrow();
        }
        let lenient = matches!(self.0.0, "pg_unnest" | "pg_string_to_table");
        let sequence = if !lenient && arguments.contains(&ValueRef::Null) {
            values(Vec::new())
        } else {
            self.0.3(&Args::new(&arguments, caller.slot()))?
        };
        Ok(Box::new(SetRows { sequence, row: Vec::new(), number: 0 }))
    }
}

struct SetRows {
    sequence: Sequence,
    row: Vec<Value>,
    number: i64,
}

impl Rows for SetRows {
    fn advance(&mut self) -> Result<bool> {
        let Some(row) = self.sequence.next() else { return Ok(false) };
        self.row = row?;
        self.number += 1;
        self.row.push(Value::Integer(self.number));
        Ok(true)
    }

    fn value(&self, column: usize) -> ValueRef<'_> {
        self.row.get(column).map_or(ValueRef::Null, Value::borrow)
    }
}

fn text(s: &str) -> Value {
    Value::Text(s.to_owned())
}

fn values(all: Vec<Value>) -> Sequence {
    Box::new(all.into_iter().map(|value| Ok(vec![value])))
}

fn zero_step() -> FunctionError {
    FunctionError::new("22023", "step size cannot equal zero")
}

fn integers(args: &Args<'_>) -> Result<Sequence> {
    let (start, stop, step) = (args.int(0)?, args.int(1)?, args.int_or(2, 1)?);
    if step == 0 {
        return Err(zero_step());
    }
    let inside = move |n: &i64| if step > 0 { *n <= stop } else { *n >= stop };
    let all = std::iter::successors(Some(start), move |n| n.checked_add(step));
    Ok(Box::new(all.take_while(inside).map(|n| Ok(vec![Value::Integer(n)]))))
}

fn numerics(args: &Args<'_>) -> Result<Sequence> {
    let (start, stop) = (args.decimal(0)?, args.decimal(1)?);
    let step = if args.len() > 2 { args.decimal(2)? } else { Decimal::from(1) };
    if step.is_zero() {
        return Err(zero_step());
    }
    let direction = step.signum();
    let inside = move |n: &Decimal| match direction {
        1 => n.compare(&stop).is_le(),
        _ => n.compare(&stop).is_ge(),
    };
    let all = std::iter::successors(Some(start), move |n| Some(n.add(&step)));
    Ok(Box::new(all.take_while(inside).map(|n| Ok(vec![n.into_value()]))))
}

fn timestamps(args: &Args<'_>) -> Result<Sequence> {
    times(timestamp(args, 0)?, timestamp(args, 1)?, interval(args, 2)?, datetime::add)
}

fn moments(args: &Args<'_>) -> Result<Sequence> {
    let zone = session_zone(args)?;
    let add = move |us, step| datetime::add_tz(us, step, &zone);
    times(timestamptz(args, 0)?, timestamptz(args, 1)?, interval(args, 2)?, add)
}

fn times(
    start: i64,
    stop: i64,
    step: crate::types::Interval,
    add: impl Fn(i64, crate::types::Interval) -> std::result::Result<i64, crate::types::Error> + 'static,
) -> Result<Sequence> {
    let direction = step.total();
    if direction == 0 {
        return Err(zero_step());
    }
    let inside = move |us: &i64| if direction > 0 { *us <= stop } else { *us >= stop };
    let all = std::iter::successors(Some(start), move |us| add(*us, step).ok());
    let row = |us| Ok(vec![Value::Text(datetime::stored_timestamp(us))]);
    Ok(Box::new(all.take_while(inside).map(row)))
}

/// `generate_subscripts(array, dimension, reverse)`
fn subscripts(args: &Args<'_>) -> Result<Sequence> {
    let found = elements(args, 0)?;
    let dimension = usize::try_from(args.int(1)? - 1).ok();
    let length = dimension.and_then(|at| found.lengths().get(at)).copied().unwrap_or(0);
    let mut all: Vec<_> = (1..=count(length)).map(Value::Integer).collect();
    if args.bool(2)? {
        all.reverse();
    }
    Ok(values(all))
}

/// `generate_subscripts(vector, dimension)`: int2vector and oidvector count from 0.
fn vector_subscripts(args: &Args<'_>) -> Result<Sequence> {
    let length = if args.int(1)? == 1 { super::array::vector(args)?.len() } else { 0 };
    Ok(values((0..count(length)).map(Value::Integer).collect()))
}

/// Side by side; the shorter ones go on with NULLs.
fn unnest(args: &Args<'_>) -> Result<Sequence> {
    let mut columns = Vec::new();
    for i in 0..args.len() {
        let found = if args.is_null(i) { Elements::default() } else { elements(args, i)? };
        columns.push(found.into_values());
    }
    let rows = columns.iter().map(Vec::len).max().unwrap_or(0);
    let row = move |n: usize| {
        let mut row: Vec<_> =
            columns.iter().map(|column| column.get(n).cloned().unwrap_or_default()).collect();
        row.resize(UNNEST.len(), Value::Null);
        Ok(row)
    };
    Ok(Box::new((0..rows).map(row)))
}

fn regexp_matches(args: &Args<'_>) -> Result<Sequence> {
    let pattern = super::regexp::pattern(args, 2)?;
    let s = args.text(0)?;
    let most = if pattern.global { usize::MAX } else { 1 };
    let rows =
        pattern.captures_iter(&s).take(most).map(|found| array(super::regexp::groups(&found)));
    Ok(values(rows.collect::<Result<_>>()?))
}

fn json_elements(args: &Args<'_>, value: fn(&str) -> super::Outcome) -> Result<Sequence> {
    let json = args.text(0)?;
    let whole = Cursor::new(&json).only_value()?;
    let message = match Kind::of(whole) {
        Kind::Array => {
            let items = Cursor::new(whole).elements()?;
            return Ok(values(items.into_iter().map(value).collect::<Result<_>>()?));
        }
        Kind::Object => "cannot extract elements from an object",
        _ => "cannot extract elements from a scalar",
    };
    Err(FunctionError::new("22023", message))
}

fn members(args: &Args<'_>, [array, scalar]: [&str; 2]) -> Result<Vec<(String, String)>> {
    let json = args.text(0)?;
    let whole = Cursor::new(&json).only_value()?;
    let message = match Kind::of(whole) {
        Kind::Object => {
            let members = Cursor::new(whole).members()?.into_iter();
            return members.map(|(key, raw)| Ok((unquote(key)?, raw.to_owned()))).collect();
        }
        Kind::Array => array,
        _ => scalar,
    };
    Err(FunctionError::new("22023", message))
}

fn json_each(args: &Args<'_>, value: fn(&str) -> super::Outcome) -> Result<Sequence> {
    let messages = ["cannot deconstruct an array as an object", "cannot deconstruct a scalar"];
    let row = move |(key, raw): (String, String)| Ok(vec![Value::Text(key), value(&raw)?]);
    Ok(Box::new(members(args, messages)?.into_iter().map(row)))
}

fn json_keys(args: &Args<'_>) -> Result<Sequence> {
    let messages =
        ["cannot call json_object_keys on an array", "cannot call json_object_keys on a scalar"];
    Ok(values(members(args, messages)?.into_iter().map(|(key, _)| Value::Text(key)).collect()))
}

/// `name=value` apart.
fn options(args: &Args<'_>) -> Result<Sequence> {
    let mut rows = Vec::new();
    for value in elements(args, 0)?.values() {
        let shown = super::text::display(value.borrow())?;
        rows.push(Ok(match shown.split_once('=') {
            Some((name, value)) => vec![text(name), text(value)],
            None => vec![Value::Text(shown), Value::Null],
        }));
    }
    Ok(Box::new(rows.into_iter()))
}

/// The elements of an array, or the numbers of a vector, with their positions.
fn expand(args: &Args<'_>) -> Result<Sequence> {
    let found = match args.value(0) {
        ValueRef::Text(json) if json.starts_with(b"[") => elements(args, 0)?.into_values(),
        other => {
            let words = args::owned(other)?;
            let words = super::text::display(words.borrow())?;
            let numbers = words.split_ascii_whitespace();
            numbers
                .map(|word| super::cast::parse_int(word, "smallint").map(Value::Integer))
                .collect::<Result<_>>()?
        }
    };
    let row = |(n, value)| Ok(vec![value, Value::Integer(count(n) + 1)]);
    Ok(Box::new(found.into_iter().enumerate().map(row)))
}
