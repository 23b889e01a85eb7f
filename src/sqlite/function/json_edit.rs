//! Changing JSON: set, insert, delete, concatenate, strip nulls, indent.
//! <https://www.postgresql.org/docs/15/functions-json.html>

use super::json::path;
use super::json_value::{Json, Layout};
use super::text::count;
use super::{Args, Flags, Function, Outcome, text};
use crate::sqlite::host::FunctionError;
use crate::types::Value;

pub(super) const FUNCTIONS: &[Function] = &[
    ("pg_jsonb_set", -1, Flags::PURE, set),
    ("pg_jsonb_set_lax", -1, Flags::PURE_NULLS, set_lax),
    ("pg_jsonb_insert", -1, Flags::PURE, insert),
    ("pg_jsonb_concat", 2, Flags::PURE, concat),
    ("pg_jsonb_delete", 2, Flags::PURE, |a| delete_keys(a, &[a.text(1)?.into_owned()])),
    ("pg_jsonb_delete_keys", 2, Flags::PURE, |a| delete_keys(a, &path(a, 1)?)),
    ("pg_jsonb_delete_index", 2, Flags::PURE, delete_index),
    ("pg_jsonb_delete_path", 2, Flags::PURE, delete_path),
    ("pg_jsonb_pretty", 1, Flags::PURE, |a| {
        text(Json::parse(&a.text(0)?)?.to_text(Layout::Pretty))
    }),
    ("pg_jsonb_strip_nulls", 1, Flags::PURE, |a| {
        text(strip_nulls(Json::parse(&a.text(0)?)?).to_text(Layout::Spaced))
    }),
    ("pg_json_strip_nulls", 1, Flags::PURE, |a| {
        text(strip_nulls(Json::parse_as_written(&a.text(0)?)?).to_text(Layout::Compact))
    }),
];

type Result<T> = std::result::Result<T, FunctionError>;

/// What happens at the end of a path.
enum Edit<'a> {
    Set { value: &'a Json, create: bool },
    Insert { value: &'a Json, after: bool },
    Delete,
}

fn bad(message: impl Into<String>) -> FunctionError {
    FunctionError::new("22023", message)
}

fn spaced(json: &Json) -> Outcome {
    text(json.to_text(Layout::Spaced))
}

fn set(args: &Args<'_>) -> Outcome {
    let mut json = Json::parse(&args.text(0)?)?;
    if json.is_scalar() {
        return Err(bad("cannot set path in scalar"));
    }
    let value = Json::parse(&args.text(2)?)?;
    let create = args.is_null(3) || args.bool(3)?;
    edit(&mut json, &path(args, 1)?, 1, &Edit::Set { value: &value, create })?;
    spaced(&json)
}

fn set_lax(args: &Args<'_>) -> Outcome {
    if args.is_null(0) || args.is_null(1) || (args.len() > 3 && args.is_null(3)) {
        return Ok(Value::Null);
    }
    if !args.is_null(2) {
        return set(args);
    }
    let treatment = args.text_if(4)?.unwrap_or("use_json_null".into());
    let mut json = Json::parse(&args.text(0)?)?;
    let create = args.is_null(3) || args.bool(3)?;
    match treatment.as_ref() {
        "raise_exception" => {
            return Err(FunctionError::new("22004", "JSON value must not be null"));
        }
        "use_json_null" => {
            let edit_null = Edit::Set { value: &Json::Null, create };
            edit(&mut json, &path(args, 1)?, 1, &edit_null)?;
        }
        "delete_key" => edit(&mut json, &path(args, 1)?, 1, &Edit::Delete)?,
        "return_target" => {}
        _ => {
            return Err(bad("null_value_treatment must be \"delete_key\", \"return_target\", \
                 \"use_json_null\", or \"raise_exception\""));
        }
    }
    spaced(&json)
}

fn insert(args: &Args<'_>) -> Outcome {
    let mut json = Json::parse(&args.text(0)?)?;
    if json.is_scalar() {
        return Err(bad("cannot set path in scalar"));
    }
    let value = Json::parse(&args.text(2)?)?;
    let after = args.bool(3)?;
    edit(&mut json, &path(args, 1)?, 1, &Edit::Insert { value: &value, after })?;
    spaced(&json)
}

fn delete_path(args: &Args<'_>) -> Outcome {
    let mut json = Json::parse(&args.text(0)?)?;
    if json.is_scalar() {
        return Err(bad("cannot delete path in scalar"));
    }
    edit(&mut json, &path(args, 1)?, 1, &Edit::Delete)?;
    spaced(&json)
}

/// Walks down the path; `position` counts its steps for messages.
fn edit(json: &mut Json, path: &[String], position: usize, what: &Edit<'_>) -> Result<()> {
    let Some((step, rest)) = path.split_first() else { return Ok(()) };
    match json {
        Json::Object(members) => {
            let at = members.iter().position(|(key, _)| key == step);
            if rest.is_empty() {
                return edit_member(members, at, step, what);
            }
            match at {
                Some(at) => edit(&mut members[at].1, rest, position + 1, what),
                None => Ok(()),
            }
        }
        Json::Array(items) => {
            let given: i64 = step.parse().map_err(|_error| {
                let message =
                    format!("path element at position {position} is not an integer: \"{step}\"");
                FunctionError::new("22P02", message)
            })?;
            let at = if given < 0 { given + count(items.len()) } else { given };
            if rest.is_empty() {
                edit_item(items, at, what);
                return Ok(());
            }
            match usize::try_from(at).ok().and_then(|at| items.get_mut(at)) {
                Some(item) => edit(item, rest, position + 1, what),
                None => Ok(()),
            }
        }
        _ => Ok(()),
    }
}

fn edit_member(
    members: &mut Vec<(String, Json)>,
    at: Option<usize>,
    key: &str,
    what: &Edit<'_>,
) -> Result<()> {
    match (what, at) {
        (Edit::Delete, Some(at)) => drop(members.remove(at)),
        (Edit::Set { value, .. }, Some(at)) => members[at].1 = (*value).clone(),
        (Edit::Insert { .. }, Some(_)) => return Err(bad("cannot replace existing key")),
        (Edit::Set { value, create: true } | Edit::Insert { value, .. }, None) => {
            let mut all = std::mem::take(members);
            all.push((key.to_owned(), (*value).clone()));
            if let Json::Object(sorted) = Json::object(all) {
                *members = sorted;
            }
        }
        (Edit::Delete | Edit::Set { .. }, None) => {}
    }
    Ok(())
}

/// A position beyond either end means that end when something is to be added.
fn edit_item(items: &mut Vec<Json>, at: i64, what: &Edit<'_>) {
    let inside = usize::try_from(at).ok().filter(|at| *at < items.len());
    let end = if at < 0 { 0 } else { items.len() };
    match (what, inside) {
        (Edit::Delete, Some(at)) => drop(items.remove(at)),
        (Edit::Set { value, .. }, Some(at)) => items[at] = (*value).clone(),
        (Edit::Insert { value, after }, Some(at)) => {
            items.insert(at + usize::from(*after), (*value).clone());
        }
        (Edit::Set { value, create: true } | Edit::Insert { value, .. }, None) => {
            items.insert(end, (*value).clone());
        }
        (Edit::Delete | Edit::Set { .. }, None) => {}
    }
}

fn concat(args: &Args<'_>) -> Outcome {
    let (a, b) = (Json::parse(&args.text(0)?)?, Json::parse(&args.text(1)?)?);
    let joined = match (a, b) {
        (Json::Object(mut a), Json::Object(b)) => {
            a.extend(b);
            Json::object(a)
        }
        (a, b) => {
            let items = |json| match json {
                Json::Array(items) => items,
                other => vec![other],
            };
            Json::Array([items(a), items(b)].concat())
        }
    };
    spaced(&joined)
}

fn delete_keys(args: &Args<'_>, keys: &[String]) -> Outcome {
    let mut json = Json::parse(&args.text(0)?)?;
    match &mut json {
        Json::Object(members) => members.retain(|(key, _)| !keys.contains(key)),
        Json::Array(items) => {
            items.retain(|item| !matches!(item, Json::String(s) if keys.contains(s)));
        }
        _ => return Err(bad("cannot delete from scalar")),
    }
    spaced(&json)
}

fn delete_index(args: &Args<'_>) -> Outcome {
    let mut json = Json::parse(&args.text(0)?)?;
    match &mut json {
        Json::Array(items) => {
            let at = args.int(1)?;
            edit_item(items, if at < 0 { at + count(items.len()) } else { at }, &Edit::Delete);
        }
        Json::Object(_) => return Err(bad("cannot delete from object using integer index")),
        _ => return Err(bad("cannot delete from scalar")),
    }
    spaced(&json)
}

fn strip_nulls(json: Json) -> Json {
    match json {
        Json::Object(members) => Json::Object(
            members
                .into_iter()
                .filter(|(_, value)| *value != Json::Null)
                .map(|(key, value)| (key, strip_nulls(value)))
                .collect(),
        ),
        Json::Array(items) => Json::Array(items.into_iter().map(strip_nulls).collect()),
        scalar => scalar,
    }
}
