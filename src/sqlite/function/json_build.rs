//! Making JSON: objects, arrays, values of other types as JSON, and the aggregates.
//!
//! Values arrive converted (`convert` in `catalog/casts.txt`), so here they are JSON text or NULL.
//! <https://www.postgresql.org/docs/15/functions-json.html#FUNCTIONS-JSON-CREATION-TABLE>

use super::aggregate::{Accumulator, Aggregate, Nulls};
use super::array::{Elements, elements};
use super::array_cast::ElementCast;
use super::json_scan::{Kind, quote, unquote};
use super::json_value::{Json, Layout};
use super::{Args, Flags, Function, Outcome, text};
use crate::sqlite::host::FunctionError;
use crate::types::{Value, ValueRef};
use std::collections::VecDeque;

pub(super) const FUNCTIONS: &[Function] = &[
    ("pg_json_build_array", -1, Flags::PURE_NULLS, |a| text(build_array(a)?)),
    ("pg_jsonb_build_array", -1, Flags::PURE_NULLS, |a| normal(&build_array(a)?)),
    ("pg_json_build_object", -1, Flags::PURE_NULLS, |a| text(build_object(a, [" : ", ", "])?)),
    ("pg_jsonb_build_object", -1, Flags::PURE_NULLS, |a| normal(&build_object(a, [": ", ", "])?)),
    ("pg_json_from_record", -1, Flags::PURE_NULLS, |a| text(build_object(a, [":", ","])?)),
    ("pg_json_object", -1, Flags::PURE, |a| text(object_of_texts(a)?)),
    ("pg_jsonb_object", -1, Flags::PURE, |a| normal(&object_of_texts(a)?)),
    ("pg_json_nonnull", -1, Flags::PURE, |a| a.owned(0)),
    ("pg_array_to_json", -1, Flags::PURE, |a| a.owned(0)),
    ("pg_json_from_text", 1, Flags::PURE, |a| quoted(&a.text(0)?)),
    ("pg_json_from_bytea", 1, Flags::PURE, |a| quoted(&super::encoding::hex_literal(&a.bytes(0)))),
    ("pg_json_from_bool", 1, Flags::PURE, |a| text(if a.bool(0)? { "true" } else { "false" })),
    ("pg_json_from_number", 1, Flags::PURE, from_number),
    ("pg_json_from_array", -1, Flags::STABLE_NULLS, |a| from_array(a, ",")),
    ("pg_jsonb_from_array", -1, Flags::STABLE_NULLS, |a| from_array(a, ", ")),
];

pub(super) const AGGREGATES: &[Aggregate] = &[
    ("pg_json_agg", 1, Nulls::Keep, || Items::boxed(false)),
    ("pg_jsonb_agg", 1, Nulls::Keep, || Items::boxed(true)),
    ("pg_json_object_agg", 2, Nulls::Keep, || Members::boxed(false)),
    ("pg_jsonb_object_agg", 2, Nulls::Keep, || Members::boxed(true)),
];

type Result<T> = std::result::Result<T, FunctionError>;

fn normal(json: &str) -> Outcome {
    text(Json::parse(json)?.to_text(Layout::Spaced))
}

fn quoted(s: &str) -> Outcome {
    let mut out = String::with_capacity(s.len() + 2);
    quote(&mut out, s);
    text(out)
}

fn json_or_null(args: &Args<'_>, i: usize) -> Result<String> {
    Ok(args.text_if(i)?.map_or("null".to_owned(), |json| json.into_owned()))
}

fn build_array(args: &Args<'_>) -> Result<String> {
    let items: Result<Vec<_>> = (0..args.len()).map(|i| json_or_null(args, i)).collect();
    Ok(format!("[{}]", items?.join(", ")))
}

/// A key given as JSON: a string's text, or the digits of a number.
fn key(args: &Args<'_>, i: usize) -> Result<String> {
    let Some(raw) = args.text_if(i)? else {
        let message = format!("argument {} cannot be null", i + 1);
        return Err(FunctionError::new("22023", message));
    };
    match Kind::of(&raw) {
        Kind::String => unquote(&raw),
        Kind::Array | Kind::Object => Err(FunctionError::new(
            "22023",
            "key value must be scalar, not array, composite, or json",
        )),
        _ => Ok(raw.into_owned()),
    }
}

fn build_object(args: &Args<'_>, [colon, comma]: [&str; 2]) -> Result<String> {
    if !args.len().is_multiple_of(2) {
        let message = "argument list must have even number of elements";
        return Err(FunctionError::new("22023", message));
    }
    let mut out = String::from("{");
    for i in (0..args.len()).step_by(2) {
        if i > 0 {
            out.push_str(comma);
        }
        quote(&mut out, &key(args, i)?);
        out.push_str(colon);
        out.push_str(&json_or_null(args, i + 1)?);
    }
    out.push('}');
    Ok(out)
}

/// `json_object(keys and values by turns)`, pairs, or keys and values apart.
fn object_of_texts(args: &Args<'_>) -> Result<String> {
    let first = elements(args, 0)?;
    let pairs: Vec<(Value, Value)> = if args.len() > 1 {
        let values = elements(args, 1)?.into_values();
        if values.len() != first.values().len() {
            return Err(FunctionError::new("2202E", "mismatched array dimensions"));
        }
        first.into_values().into_iter().zip(values).collect()
    } else {
        let by_twos = match first.lengths() {
            [] | [_] => first.values().len().is_multiple_of(2),
            [_, columns] => *columns == 2,
            _ => false,
        };
        if !by_twos {
            let message = "array must have even number of elements";
            return Err(FunctionError::new("2202E", message));
        }
        first.values().chunks(2).map(|pair| (pair[0].clone(), pair[1].clone())).collect()
    };
    let mut out = String::from("{");
    for (i, (key, value)) in pairs.iter().enumerate() {
        if *key == Value::Null {
            return Err(FunctionError::new("22004", "null value not allowed for object key"));
        }
        out.push_str(if i > 0 { ", " } else { "" });
        quote(&mut out, &text::display(key.borrow())?);
        out.push_str(" : ");
        match value {
            Value::Null => out.push_str("null"),
            value => quote(&mut out, &text::display(value.borrow())?),
        }
    }
    out.push('}');
    Ok(out)
}

/// Digits; NaN and the infinities are strings.
fn from_number(args: &Args<'_>) -> Outcome {
    let shown = match args.value(0) {
        ValueRef::Real(r) => super::math::float_text(r),
        _ => args.text(0)?.into_owned(),
    };
    if shown.bytes().any(|b| b.is_ascii_digit()) { text(shown) } else { quoted(&shown) }
}

fn from_array(args: &Args<'_>, separator: &str) -> Outcome {
    if args.is_null(0) {
        return Ok(Value::Null);
    }
    let cast = ElementCast::named_by(args, 1)?;
    let items: Elements = elements(args, 0)?.map(|value| cast.apply(value))?;
    let mut out = String::new();
    items.write(&mut out, ["[", separator, "]"], &mut |out, value| match value {
        Value::Null => out.push_str("null"),
        value => out.push_str(&text::display(value.borrow()).unwrap_or_default()),
    });
    text(out)
}

/// `json_agg`
struct Items {
    normal: bool,
    items: VecDeque<String>,
}

impl Items {
    fn boxed(normal: bool) -> Box<dyn Accumulator> {
        Box::new(Self { normal, items: VecDeque::new() })
    }
}

impl Accumulator for Items {
    fn step(&mut self, args: &Args<'_>) -> Result<()> {
        self.items.push_back(json_or_null(args, 0)?);
        Ok(())
    }

    fn inverse(&mut self, _: &Args<'_>) -> Result<()> {
        self.items.pop_front();
        Ok(())
    }

    fn value(&self) -> Outcome {
        if self.items.is_empty() {
            return Ok(Value::Null);
        }
        let all: Vec<_> = self.items.iter().map(String::as_str).collect();
        let json = format!("[{}]", all.join(", "));
        if self.normal { normal(&json) } else { text(json) }
    }
}

/// `json_object_agg`
struct Members {
    normal: bool,
    members: VecDeque<String>,
}

impl Members {
    fn boxed(normal: bool) -> Box<dyn Accumulator> {
        Box::new(Self { normal, members: VecDeque::new() })
    }
}

impl Accumulator for Members {
    fn step(&mut self, args: &Args<'_>) -> Result<()> {
        let Some(key) = args.text_if(0)? else {
            let message = "field name must not be null";
            return Err(FunctionError::new("22023", message));
        };
        let mut member = String::new();
        quote(&mut member, &key);
        member.push_str(" : ");
        member.push_str(&json_or_null(args, 1)?);
        self.members.push_back(member);
        Ok(())
    }

    fn inverse(&mut self, _: &Args<'_>) -> Result<()> {
        self.members.pop_front();
        Ok(())
    }

    fn value(&self) -> Outcome {
        if self.members.is_empty() {
            return Ok(Value::Null);
        }
        let all: Vec<_> = self.members.iter().map(String::as_str).collect();
        let json = format!("{{ {} }}", all.join(", "));
        if self.normal { normal(&json) } else { text(json) }
    }
}
