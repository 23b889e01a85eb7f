//! Reading JSON: members, paths, kinds, containment.
//! <https://www.postgresql.org/docs/15/functions-json.html>

use super::array::elements;
use super::json_scan::{Cursor, Kind, unquote};
use super::json_value::{Json, Layout};
use super::{Args, Flags, Function, Outcome, boolean, integer, text};
use crate::sqlite::host::FunctionError;
use crate::types::Value;
use text::count;

pub(super) const FUNCTIONS: &[Function] = &[
    ("pg_json_get", 2, Flags::PURE, |a| raw(get(&a.text(0)?, &a.text(1)?)?)),
    ("pg_json_get_text", 2, Flags::PURE, |a| shown(get(&a.text(0)?, &a.text(1)?)?)),
    ("pg_json_get_index", 2, Flags::PURE, |a| raw(item(&a.text(0)?, a.int(1)?)?)),
    ("pg_json_get_index_text", 2, Flags::PURE, |a| shown(item(&a.text(0)?, a.int(1)?)?)),
    ("pg_json_path", 2, Flags::PURE, |a| raw(walk(&a.text(0)?, &path(a, 1)?)?)),
    ("pg_json_path_text", 2, Flags::PURE, |a| shown(walk(&a.text(0)?, &path(a, 1)?)?)),
    ("pg_json_extract_path", -1, Flags::PURE, |a| raw(walk(&a.text(0)?, &steps(a)?)?)),
    ("pg_json_extract_path_text", -1, Flags::PURE, |a| shown(walk(&a.text(0)?, &steps(a)?)?)),
    ("pg_json_array_length", 1, Flags::PURE, array_length),
    ("pg_json_typeof", 1, Flags::PURE, |a| {
        text(Kind::of(Cursor::new(&a.text(0)?).only_value()?).name())
    }),
    ("pg_json_valid", 1, Flags::PURE, |a| boolean(Cursor::new(&a.text(0)?).only_value().is_ok())),
    ("pg_text_to_json", 1, Flags::PURE, |a| {
        Cursor::new(&a.text(0)?).only_value()?;
        a.owned(0)
    }),
    ("pg_text_to_jsonb", 1, Flags::PURE, normalised),
    ("pg_json_to_jsonb", 1, Flags::PURE, normalised),
    ("pg_jsonb_contains", 2, Flags::PURE, |a| {
        boolean(contains(&Json::parse(&a.text(0)?)?, &Json::parse(&a.text(1)?)?, true))
    }),
    ("pg_jsonb_contained", 2, Flags::PURE, |a| {
        boolean(contains(&Json::parse(&a.text(1)?)?, &Json::parse(&a.text(0)?)?, true))
    }),
    ("pg_jsonb_exists", 2, Flags::PURE, |a| {
        boolean(exists(&Json::parse(&a.text(0)?)?, &a.text(1)?))
    }),
    ("pg_jsonb_exists_any", 2, Flags::PURE, |a| {
        let json = Json::parse(&a.text(0)?)?;
        boolean(path(a, 1)?.iter().any(|key| exists(&json, key)))
    }),
    ("pg_jsonb_exists_all", 2, Flags::PURE, |a| {
        let json = Json::parse(&a.text(0)?)?;
        boolean(path(a, 1)?.iter().all(|key| exists(&json, key)))
    }),
    ("pg_jsonb_lt", 2, Flags::PURE, |a| boolean(order(a)?.is_lt())),
    ("pg_jsonb_le", 2, Flags::PURE, |a| boolean(order(a)?.is_le())),
    ("pg_jsonb_gt", 2, Flags::PURE, |a| boolean(order(a)?.is_gt())),
    ("pg_jsonb_ge", 2, Flags::PURE, |a| boolean(order(a)?.is_ge())),
    ("pg_jsonb_to_bool", 1, Flags::PURE, to_bool),
    ("pg_jsonb_to_int2", 1, Flags::PURE, |a| to_number(a, "smallint", "pg_numeric_to_int2")),
    ("pg_jsonb_to_int4", 1, Flags::PURE, |a| to_number(a, "integer", "pg_numeric_to_int4")),
    ("pg_jsonb_to_int8", 1, Flags::PURE, |a| to_number(a, "bigint", "pg_numeric_to_int8")),
    ("pg_jsonb_to_float4", 1, Flags::PURE, |a| to_number(a, "real", "pg_to_float4")),
    ("pg_jsonb_to_float8", 1, Flags::PURE, |a| to_number(a, "double precision", "pg_to_float8")),
    ("pg_jsonb_to_numeric", 1, Flags::PURE, |a| to_number(a, "numeric", "pg_text_to_numeric")),
];

type Result<T> = std::result::Result<T, FunctionError>;

fn raw(found: Option<&str>) -> Outcome {
    found.map_or(Ok(Value::Null), text)
}

/// As text: a string without its quotes, null as NULL.
fn shown(found: Option<&str>) -> Outcome {
    match found {
        None => Ok(Value::Null),
        Some(raw) => as_text(raw),
    }
}

/// What `->>` makes of a scanned value.
pub(super) fn as_text(raw: &str) -> Outcome {
    match Kind::of(raw) {
        Kind::Null => Ok(Value::Null),
        Kind::String => text(unquote(raw)?),
        _ => text(raw),
    }
}

/// Of equal keys the last counts.
fn get<'a>(json: &'a str, key: &str) -> Result<Option<&'a str>> {
    let value = Cursor::new(json).only_value()?;
    if Kind::of(value) != Kind::Object {
        return Ok(None);
    }
    let mut found = None;
    for (name, value) in Cursor::new(value).members()? {
        if is_key(name, key)? {
            found = Some(value);
        }
    }
    Ok(found)
}

fn is_key(name: &str, key: &str) -> Result<bool> {
    if name.contains('\\') {
        return Ok(unquote(name)? == key);
    }
    Ok(name.len() == key.len() + 2 && name.get(1..name.len() - 1) == Some(key))
}

/// Negative positions count from the end.
fn item(json: &str, at: i64) -> Result<Option<&str>> {
    let value = Cursor::new(json).only_value()?;
    if Kind::of(value) != Kind::Array {
        return Ok(None);
    }
    let items = Cursor::new(value).elements()?;
    let at = if at < 0 { at + count(items.len()) } else { at };
    Ok(usize::try_from(at).ok().and_then(|at| items.get(at).copied()))
}

fn walk<'a>(json: &'a str, path: &[String]) -> Result<Option<&'a str>> {
    let mut here = Cursor::new(json).only_value()?;
    for step in path {
        let next = match Kind::of(here) {
            Kind::Object => get(here, step)?,
            Kind::Array => match step.parse() {
                Ok(at) => item(here, at)?,
                Err(_) => None,
            },
            _ => None,
        };
        let Some(next) = next else { return Ok(None) };
        here = next;
    }
    Ok(Some(here))
}

/// The strings of a text array argument; NULLs among them name nothing.
pub(super) fn path(args: &Args<'_>, i: usize) -> Result<Vec<String>> {
    let values = elements(args, i)?.into_values();
    values.iter().map(|value| text::display(value.borrow())).collect()
}

fn steps(args: &Args<'_>) -> Result<Vec<String>> {
    (1..args.len()).map(|i| Ok(args.text(i)?.into_owned())).collect()
}

fn array_length(args: &Args<'_>) -> Outcome {
    let json = args.text(0)?;
    let value = Cursor::new(&json).only_value()?;
    let message = match Kind::of(value) {
        Kind::Array => return integer(count(Cursor::new(value).elements()?.len())),
        Kind::Object => "cannot get array length of a non-array",
        _ => "cannot get array length of a scalar",
    };
    Err(FunctionError::new("22023", message))
}

fn normalised(args: &Args<'_>) -> Outcome {
    text(Json::parse(&args.text(0)?)?.to_text(Layout::Spaced))
}

/// `@>`; an array at the top also contains a scalar that is one of its items.
fn contains(whole: &Json, part: &Json, top: bool) -> bool {
    match (whole, part) {
        (Json::Object(_), Json::Object(members)) => members.iter().all(|(key, value)| {
            whole.member(key).is_some_and(|found| contains(found, value, false))
        }),
        (Json::Array(items), Json::Array(wanted)) => {
            wanted.iter().all(|value| items.iter().any(|item| contains(item, value, false)))
        }
        (Json::Array(items), scalar) if top && scalar.is_scalar() => {
            items.iter().any(|item| item.same(scalar))
        }
        (a, b) => a.is_scalar() && b.is_scalar() && a.same(b),
    }
}

/// `?`: a key of an object, a string of an array, or the string itself.
fn exists(json: &Json, key: &str) -> bool {
    let is_key = |value: &Json| matches!(value, Json::String(s) if s == key);
    match json {
        Json::Object(_) => json.member(key).is_some(),
        Json::Array(items) => items.iter().any(is_key),
        scalar => is_key(scalar),
    }
}

fn order(args: &Args<'_>) -> Result<std::cmp::Ordering> {
    Ok(Json::parse(&args.text(0)?)?.compare(&Json::parse(&args.text(1)?)?))
}

fn cannot_cast(kind: Kind, name: &str) -> FunctionError {
    let message = format!("cannot cast jsonb {} to type {name}", kind.name());
    FunctionError::new("22023", message)
}

fn to_bool(args: &Args<'_>) -> Outcome {
    let json = args.text(0)?;
    match Kind::of(Cursor::new(&json).only_value()?) {
        Kind::True => boolean(true),
        Kind::False => boolean(false),
        other => Err(cannot_cast(other, "boolean")),
    }
}

fn to_number(args: &Args<'_>, name: &str, cast: &str) -> Outcome {
    let json = args.text(0)?;
    let value = Cursor::new(&json).only_value()?;
    let kind = Kind::of(value);
    match super::scalar(cast) {
        Some((.., call)) if kind == Kind::Number => {
            call(&Args::new(&[Value::Text(value.to_owned()).borrow()], args.slot()))
        }
        _ => Err(cannot_cast(kind, name)),
    }
}
