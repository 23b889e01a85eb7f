//! A JSON value as a tree, normalised as `jsonb` is: keys in order and once, numbers as numerics.
//! <https://www.postgresql.org/docs/15/datatype-json.html>

use super::decimal::Decimal;
use super::json_scan::{Cursor, Kind, quote, unquote};
use crate::sqlite::host::FunctionError;
use std::cmp::Ordering;

type Result<T> = std::result::Result<T, FunctionError>;

/// A value.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Json {
    /// `null`
    Null,
    /// `true` or `false`
    Bool(bool),
    /// A number, in digits without an exponent where 38 digits suffice.
    Number(String),
    /// A string.
    String(String),
    /// An array.
    Array(Vec<Json>),
    /// An object: shorter keys first, then by bytes.
    Object(Vec<(String, Json)>),
}

/// How a tree is written.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Layout {
    /// `{"a": [1, 2]}`: jsonb's output.
    Spaced,
    /// `{"a":[1,2]}`
    Compact,
    /// Indented by four.
    Pretty,
}

impl Json {
    /// Reads text, normalising.
    pub(super) fn parse(text: &str) -> Result<Self> {
        Self::whole(text, true)
    }

    /// Reads text, members as they stand: for `json`.
    pub(super) fn parse_as_written(text: &str) -> Result<Self> {
        Self::whole(text, false)
    }

    fn whole(text: &str, normal: bool) -> Result<Self> {
        let mut cursor = Cursor::new(text);
        let value = Self::read(&mut cursor, normal)?;
        cursor.end()?;
        Ok(value)
    }

    fn read(cursor: &mut Cursor<'_>, normal: bool) -> Result<Self> {
        let kind = cursor.kind();
        if kind == Kind::Array {
            let mut items = Vec::new();
            cursor.each_item(|cursor| {
                items.push(Self::read(cursor, normal)?);
                Ok(())
            })?;
            return Ok(Self::Array(items));
        }
        if kind == Kind::Object {
            let mut members = Vec::new();
            cursor.each_member(|cursor, key| {
                members.push((unquote(key)?, Self::read(cursor, normal)?));
                Ok(())
            })?;
            return Ok(if normal { Self::object(members) } else { Self::Object(members) });
        }
        let raw = cursor.value()?;
        Ok(match kind {
            Kind::False => Self::Bool(false),
            Kind::True => Self::Bool(true),
            Kind::Number if normal => Self::Number(number(raw)),
            Kind::Number => Self::Number(raw.to_owned()),
            Kind::String => Self::String(unquote(raw)?),
            _ => Self::Null,
        })
    }

    /// An object of members in any order, the last of equal keys counting.
    pub(super) fn object(mut members: Vec<(String, Self)>) -> Self {
        members.reverse();
        members.sort_by(|(a, _), (b, _)| key_order(a, b));
        members.dedup_by(|(a, _), (b, _)| a == b);
        Self::Object(members)
    }

    /// The member of that name.
    pub(super) fn member(&self, key: &str) -> Option<&Self> {
        match self {
            Self::Object(members) => members.iter().find(|(k, _)| k == key).map(|(_, v)| v),
            _ => None,
        }
    }

    /// It is neither an array nor an object.
    pub(super) fn is_scalar(&self) -> bool {
        !matches!(self, Self::Array(_) | Self::Object(_))
    }

    /// Text.
    pub(super) fn to_text(&self, layout: Layout) -> String {
        let mut out = String::new();
        self.write(&mut out, layout, 0);
        out
    }

    fn write(&self, out: &mut String, layout: Layout, depth: usize) {
        match self {
            Self::Null => out.push_str("null"),
            Self::Bool(value) => out.push_str(if *value { "true" } else { "false" }),
            Self::Number(digits) => out.push_str(digits),
            Self::String(s) => quote(out, s),
            Self::Array(items) => {
                write_items(out, (layout, depth), ['[', ']'], items, |out, item| {
                    item.write(out, layout, depth + 1);
                });
            }
            Self::Object(members) => {
                write_items(out, (layout, depth), ['{', '}'], members, |out, (key, value)| {
                    quote(out, key);
                    out.push_str(if layout == Layout::Compact { ":" } else { ": " });
                    value.write(out, layout, depth + 1);
                });
            }
        }
    }

    /// jsonb's order: by kind, then size, then contents.
    pub(super) fn compare(&self, other: &Self) -> Ordering {
        match (self, other) {
            (Self::Array(a), Self::Array(b)) => a.len().cmp(&b.len()).then_with(|| {
                let pairs = a.iter().zip(b).map(|(a, b)| a.compare(b));
                pairs.into_iter().find(|order| order.is_ne()).unwrap_or(Ordering::Equal)
            }),
            (Self::Object(a), Self::Object(b)) => a.len().cmp(&b.len()).then_with(|| {
                let pairs = a
                    .iter()
                    .zip(b)
                    .map(|(a, b)| key_order(&a.0, &b.0).then_with(|| a.1.compare(&b.1)));
                pairs.into_iter().find(|order| order.is_ne()).unwrap_or(Ordering::Equal)
            }),
            (Self::Bool(a), Self::Bool(b)) => a.cmp(b),
            (Self::String(a), Self::String(b)) => a.cmp(b),
            (Self::Number(a), Self::Number(b)) => compare_numbers(a, b),
            _ => self.rank().cmp(&other.rank()),
        }
    }

    fn rank(&self) -> u8 {
        match self {
            Self::Array(items) if items.is_empty() => 0,
            Self::Null => 1,
            Self::String(_) => 2,
            Self::Number(_) => 3,
            Self::Bool(_) => 4,
            Self::Array(_) => 5,
            Self::Object(_) => 6,
        }
    }

    /// Equal by jsonb's rules: `1.0` is `1`.
    pub(super) fn same(&self, other: &Self) -> bool {
        self.compare(other).is_eq()
    }
}

fn write_items<T>(
    out: &mut String,
    (layout, depth): (Layout, usize),
    [open, close]: [char; 2],
    items: &[T],
    mut item: impl FnMut(&mut String, &T),
) {
    let line = |out: &mut String, depth: usize| {
        if layout == Layout::Pretty {
            out.push('\n');
            out.push_str(&"    ".repeat(depth));
        }
    };
    out.push(open);
    for (i, each) in items.iter().enumerate() {
        if i > 0 {
            out.push_str(if layout == Layout::Spaced { ", " } else { "," });
        }
        line(out, depth + 1);
        item(out, each);
    }
    // Postgres breaks the line in an empty container too.
    line(out, depth);
    out.push(close);
}

fn key_order(a: &str, b: &str) -> Ordering {
    a.len().cmp(&b.len()).then_with(|| a.cmp(b))
}

fn compare_numbers(a: &str, b: &str) -> Ordering {
    match (Decimal::parse(a), Decimal::parse(b)) {
        (Ok(a), Ok(b)) => a.compare(&b),
        _ => {
            let float = |s: &str| s.parse::<f64>().unwrap_or(f64::NAN);
            float(a).total_cmp(&float(b))
        }
    }
}

/// As numeric prints it.
fn number(raw: &str) -> String {
    let digits = Decimal::parse(raw).map_or_else(|_| raw.to_owned(), |n| n.to_string());
    match digits.strip_prefix('-') {
        Some(rest) if rest.bytes().all(|b| matches!(b, b'0' | b'.')) => rest.to_owned(),
        _ => digits,
    }
}
