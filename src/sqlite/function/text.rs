//! Functions that cut, join and change text.
//!
//! Lengths and positions count characters. <https://www.postgresql.org/docs/15/functions-string.html>

use super::{Args, Flags, Function, Outcome, boolean, integer, text};
use crate::sqlite::host::FunctionError;
use crate::types::{Value, ValueRef};

pub(super) const FUNCTIONS: &[Function] = &[
    ("pg_lower", 1, Flags::PURE, |a| text(lower(&a.text(0)?))),
    ("pg_upper", 1, Flags::PURE, |a| text(upper(&a.text(0)?))),
    ("pg_initcap", 1, Flags::PURE, |a| text(initcap(&a.text(0)?))),
    ("pg_ascii", 1, Flags::PURE, |a| integer(a.text(0)?.chars().next().map_or(0, u32::from))),
    ("pg_chr", 1, Flags::PURE, chr),
    ("pg_bit_length", 1, Flags::PURE, |a| integer(count(a.bytes(0).len()) * 8)),
    ("pg_left", 2, Flags::PURE, |a| text(left(&a.text(0)?, a.int(1)?))),
    ("pg_right", 2, Flags::PURE, |a| text(right(&a.text(0)?, a.int(1)?))),
    ("pg_lpad", -1, Flags::PURE, |a| pad(a, true)),
    ("pg_rpad", -1, Flags::PURE, |a| pad(a, false)),
    ("pg_repeat", 2, Flags::PURE, repeat),
    ("pg_reverse", 1, Flags::PURE, |a| text(a.text(0)?.chars().rev().collect::<String>())),
    ("pg_translate", 3, Flags::PURE, translate),
    ("pg_split_part", 3, Flags::PURE, split_part),
    ("pg_starts_with", 2, Flags::PURE, |a| boolean(a.bytes(0).starts_with(&a.bytes(1)))),
    ("pg_substr", -1, Flags::PURE, substr),
    ("pg_substr_bytea", -1, Flags::PURE, substr_bytea),
    ("pg_overlay", -1, Flags::PURE, overlay),
    ("pg_overlay_bytea", -1, Flags::PURE, overlay_bytea),
    ("pg_btrim_bytea", 2, Flags::PURE, |a| trim_bytea(a, true, true)),
    ("pg_ltrim_bytea", 2, Flags::PURE, |a| trim_bytea(a, true, false)),
    ("pg_rtrim_bytea", 2, Flags::PURE, |a| trim_bytea(a, false, true)),
    ("pg_bytea_concat", 2, Flags::PURE, |a| Ok(Value::Blob([a.bytes(0), a.bytes(1)].concat()))),
    ("pg_concat", -1, Flags::PURE_NULLS, |a| concat(a, 0, "")),
    ("pg_concat_ws", -1, Flags::PURE_NULLS, concat_ws),
    ("pg_bpchar_to_text", 1, Flags::PURE, |a| text(a.text(0)?.trim_end_matches(' '))),
    ("pg_text_to_name", 1, Flags::PURE, |a| text(cut_bytes(&a.text(0)?, 63))),
    ("pg_varchar_typmod", 2, Flags::PURE, |a| text(left(&a.text(0)?, a.int(1)?.max(0)))),
    ("pg_bpchar_typmod", 2, Flags::PURE, |a| {
        text(left(&a.text(0)?, a.int(1)?.max(0)).trim_end_matches(' '))
    }),
    ("pg_varchar_typmod_store", 2, Flags::PURE, |a| text(stored(a, "character varying")?)),
    ("pg_bpchar_typmod_store", 2, Flags::PURE, |a| {
        text(stored(a, "character")?.trim_end_matches(' '))
    }),
];

/// Postgres allocates no more than this for one value.
const LENGTH_MAX: usize = 0x3fff_ffff;

fn too_long() -> FunctionError {
    FunctionError::new("54000", "requested length too large")
}

pub(super) fn count(n: usize) -> i64 {
    i64::try_from(n).unwrap_or(i64::MAX)
}

/// The length, saturated: what is not there cannot be cut.
fn size(n: i64) -> usize {
    usize::try_from(n).unwrap_or(if n < 0 { 0 } else { usize::MAX })
}

/// Letters change one for one, as in C: `ß` has no single capital.
fn single(c: char, mut changed: impl ExactSizeIterator<Item = char>) -> char {
    if changed.len() == 1 { changed.next().unwrap_or(c) } else { c }
}

/// Lower case.
pub(super) fn lower(s: &str) -> String {
    s.chars().map(|c| single(c, c.to_lowercase())).collect()
}

fn upper(s: &str) -> String {
    s.chars().map(|c| single(c, c.to_uppercase())).collect()
}

fn initcap(s: &str) -> String {
    let mut inside = false;
    let change = |c: char| {
        let changed =
            if inside { single(c, c.to_lowercase()) } else { single(c, c.to_uppercase()) };
        inside = c.is_alphanumeric();
        changed
    };
    s.chars().map(change).collect()
}

fn chr(args: &Args<'_>) -> Outcome {
    let code = args.int(0)?;
    if code == 0 {
        return Err(FunctionError::new("54000", "null character not permitted"));
    }
    let character = u32::try_from(code).ok().and_then(char::from_u32);
    let too_large = || {
        FunctionError::new("54000", format!("requested character too large for encoding: {code}"))
    };
    text(character.ok_or_else(too_large)?)
}

/// The byte at which the `n`th character starts.
pub(super) fn offset(s: &str, n: usize) -> usize {
    s.char_indices().nth(n).map_or(s.len(), |(at, _)| at)
}

fn from_end(s: &str, n: i64) -> usize {
    s.chars().count().saturating_sub(size(n.saturating_neg()))
}

fn left(s: &str, n: i64) -> &str {
    let keep = if n >= 0 { size(n) } else { from_end(s, n) };
    &s[..offset(s, keep)]
}

fn right(s: &str, n: i64) -> &str {
    let skip = if n >= 0 { from_end(s, -n) } else { size(n.saturating_neg()) };
    &s[offset(s, skip)..]
}

fn pad(args: &Args<'_>, before: bool) -> Outcome {
    let s = args.text(0)?;
    let width = size(args.int(1)?);
    let fill = args.text_if(2)?.unwrap_or(" ".into());
    let length = s.chars().count();
    if width <= length || fill.is_empty() {
        return text(&s[..offset(&s, width)]);
    }
    if width > LENGTH_MAX {
        return Err(too_long());
    }
    let padding = fill.chars().cycle().take(width - length);
    let mut out = String::with_capacity(s.len() + width - length);
    if before {
        out.extend(padding);
        out.push_str(&s);
    } else {
        out.push_str(&s);
        out.extend(padding);
    }
    text(out)
}

fn repeat(args: &Args<'_>) -> Outcome {
    let (s, times) = (args.text(0)?, size(args.int(1)?));
    if s.len().checked_mul(times).is_none_or(|length| length > LENGTH_MAX) {
        return Err(too_long());
    }
    text(s.repeat(times))
}

fn translate(args: &Args<'_>) -> Outcome {
    let (s, from, to) = (args.text(0)?, args.text(1)?, args.text(2)?);
    let map = |c: char| match from.chars().position(|f| f == c) {
        Some(i) => to.chars().nth(i),
        None => Some(c),
    };
    text(s.chars().filter_map(map).collect::<String>())
}

fn split_part(args: &Args<'_>) -> Outcome {
    let (s, delimiter, field) = (args.text(0)?, args.text(1)?, args.int(2)?);
    if field == 0 {
        return Err(FunctionError::new("22023", "field position must not be zero"));
    }
    if delimiter.is_empty() {
        return text(if field == 1 || field == -1 { s.as_ref() } else { "" });
    }
    let n = usize::try_from(field.unsigned_abs()).unwrap_or(usize::MAX) - 1;
    let delimiter = delimiter.as_ref();
    let part = if field > 0 { s.split(delimiter).nth(n) } else { s.rsplit(delimiter).nth(n) };
    text(part.unwrap_or(""))
}

fn negative_length() -> FunctionError {
    FunctionError::new("22011", "negative substring length not allowed")
}

/// Zero-based start and length of what `substring(.. from start for length)` names.
fn range(args: &Args<'_>, from: usize) -> Result<(usize, usize), FunctionError> {
    let start = args.int(from)?;
    if args.len() <= from + 1 {
        return Ok((size(start.saturating_sub(1)), usize::MAX));
    }
    let length = args.int(from + 1)?;
    if length < 0 {
        return Err(negative_length());
    }
    let end = start.saturating_add(length);
    let first = start.max(1);
    Ok((size(first - 1), size(end.saturating_sub(first))))
}

fn substr(args: &Args<'_>) -> Outcome {
    let s = args.text(0)?;
    let (start, length) = range(args, 1)?;
    let rest = &s[offset(&s, start)..];
    text(if length == usize::MAX { rest } else { &rest[..offset(rest, length)] })
}

fn substr_bytea(args: &Args<'_>) -> Outcome {
    let (start, length) = range(args, 1)?;
    Ok(Value::Blob(args.bytes(0).iter().skip(start).take(length).copied().collect()))
}

/// Where the replaced piece starts (zero-based) and ends.
fn overlay_range(args: &Args<'_>, length: usize) -> Result<(usize, usize), FunctionError> {
    let start = args.int(2)?;
    if start <= 0 {
        return Err(negative_length());
    }
    let end = start.saturating_add(args.int_or(3, count(length))?);
    Ok((size(start - 1), size(end.saturating_sub(1))))
}

fn overlay(args: &Args<'_>) -> Outcome {
    let (s, piece) = (args.text(0)?, args.text(1)?);
    let (start, end) = overlay_range(args, piece.chars().count())?;
    text(format!("{}{piece}{}", &s[..offset(&s, start)], &s[offset(&s, end)..]))
}

fn overlay_bytea(args: &Args<'_>) -> Outcome {
    let (s, piece) = (args.bytes(0), args.bytes(1));
    let (start, end) = overlay_range(args, piece.len())?;
    let head = s.get(..start).unwrap_or(&s);
    Ok(Value::Blob([head, &piece, s.get(end..).unwrap_or_default()].concat()))
}

fn trim_bytea(args: &Args<'_>, start: bool, end: bool) -> Outcome {
    let (bytes, set) = (args.bytes(0), args.bytes(1));
    let mut kept = bytes.as_ref();
    while start
        && let Some((first, rest)) = kept.split_first()
        && set.contains(first)
    {
        kept = rest;
    }
    while end
        && let Some((last, rest)) = kept.split_last()
        && set.contains(last)
    {
        kept = rest;
    }
    Ok(Value::Blob(kept.to_vec()))
}

fn concat(args: &Args<'_>, from: usize, separator: &str) -> Outcome {
    let mut out = String::new();
    let given = (from..args.len()).filter(|i| !args.is_null(*i));
    for (n, i) in given.enumerate() {
        if n > 0 {
            out.push_str(separator);
        }
        out.push_str(&args.text(i)?);
    }
    text(out)
}

fn concat_ws(args: &Args<'_>) -> Outcome {
    match args.text_if(0)? {
        Some(separator) => concat(args, 1, &separator),
        None => Ok(Value::Null),
    }
}

/// As many whole characters as fit.
fn cut_bytes(s: &str, length: usize) -> &str {
    &s[..s.floor_char_boundary(length)]
}

/// Storing may cut spaces only.
fn stored(args: &Args<'_>, name: &str) -> Result<String, FunctionError> {
    let (s, length) = (args.text(0)?, args.int(1)?);
    let kept = left(&s, length.max(0));
    if s[kept.len()..].bytes().any(|b| b != b' ') {
        let message = format!("value too long for type {name}({length})");
        return Err(FunctionError::new("22001", message));
    }
    Ok(kept.to_owned())
}

/// Text of a value whose type is not known: what `||` would join.
pub(super) fn display(value: ValueRef<'_>) -> Result<String, FunctionError> {
    Ok(match value {
        ValueRef::Null => String::new(),
        ValueRef::Integer(i) => i.to_string(),
        ValueRef::Real(r) => super::math::float_text(r),
        ValueRef::Text(t) => super::args::utf8(t)?.to_owned(),
        ValueRef::Blob(b) => super::encoding::hex_literal(b),
    })
}
