//! Casts between scalar types, with Postgres's words for what cannot be cast.
//!
//! `catalog/casts.txt` says which function casts what; those of dates and times are beside their
//! arithmetic. <https://www.postgresql.org/docs/15/sql-expressions.html#SQL-SYNTAX-TYPE-CASTS>

use super::arithmetic::{shortest, widened};
use super::decimal::Decimal;
use super::math::{float_text, in_range, real};
use super::{Args, Flags, Function, Outcome, boolean, integer, text};
use crate::sqlite::host::FunctionError;

const INT2: (i64, i64) = (i16::MIN as i64, i16::MAX as i64);
const INT4: (i64, i64) = (i32::MIN as i64, i32::MAX as i64);
const INT8: (i64, i64) = (i64::MIN, i64::MAX);
const OID: (i64, i64) = (0, u32::MAX as i64);

pub(super) const FUNCTIONS: &[Function] = &[
    ("pg_int_to_int2", 1, Flags::PURE, |a| within(a.int(0)?, INT2, "smallint")),
    ("pg_int_to_int4", 1, Flags::PURE, |a| within(a.int(0)?, INT4, "integer")),
    ("pg_int_to_oid", 1, Flags::PURE, |a| within(a.int(0)?, OID, "OID")),
    ("pg_oid_to_int4", 1, Flags::PURE, |a| integer(wrap_to_int4(a.int(0)?))),
    ("pg_int_to_bool", 1, Flags::PURE, |a| boolean(a.int(0)? != 0)),
    ("pg_int_to_text", 1, Flags::PURE, |a| text(a.text(0)?)),
    ("pg_float8_to_int2", 1, Flags::PURE, |a| float_int(a, INT2, "smallint")),
    ("pg_float8_to_int4", 1, Flags::PURE, |a| float_int(a, INT4, "integer")),
    ("pg_float8_to_int8", 1, Flags::PURE, |a| float_int(a, INT8, "bigint")),
    ("pg_numeric_to_int2", 1, Flags::PURE, |a| numeric_int(a, INT2, "smallint")),
    ("pg_numeric_to_int4", 1, Flags::PURE, |a| numeric_int(a, INT4, "integer")),
    ("pg_numeric_to_int8", 1, Flags::PURE, |a| numeric_int(a, INT8, "bigint")),
    ("pg_to_float8", 1, Flags::PURE, |a| real(a.float(0)?)),
    ("pg_to_float4", 1, Flags::PURE, |a| narrow(a.float(0)?)),
    ("pg_float8_to_numeric", 1, Flags::PURE, |a| float_numeric(a.float(0)?, 15)),
    ("pg_float4_to_numeric", 1, Flags::PURE, |a| float_numeric(a.float(0)?, 6)),
    ("pg_text_to_bool", 1, Flags::PURE, |a| boolean(parse_bool(&a.text(0)?)?)),
    ("pg_bool_to_text", 1, Flags::PURE, |a| text(if a.bool(0)? { "true" } else { "false" })),
    ("pg_bool_out", 1, Flags::PURE, |a| text(if a.bool(0)? { "t" } else { "f" })),
    ("pg_text_to_int2", 1, Flags::PURE, |a| text_int(a, INT2, "smallint")),
    ("pg_text_to_int4", 1, Flags::PURE, |a| text_int(a, INT4, "integer")),
    ("pg_text_to_int8", 1, Flags::PURE, |a| text_int(a, INT8, "bigint")),
    ("pg_text_to_oid", 1, Flags::PURE, |a| text_oid(a, "oid")),
    ("pg_text_to_xid", 1, Flags::PURE, |a| text_oid(a, "xid")),
    ("pg_text_to_float8", 1, Flags::PURE, |a| real(parse_float(&a.text(0)?, "double precision")?)),
    ("pg_text_to_float4", 1, Flags::PURE, text_float4),
    ("pg_text_to_numeric", 1, Flags::PURE, text_numeric),
    ("pg_text_to_uuid", 1, Flags::PURE, |a| text(parse_uuid(&a.text(0)?)?)),
    ("pg_text_to_char", 1, Flags::PURE, |a| text(a.text(0)?.chars().take(1).collect::<String>())),
    ("pg_char_to_int4", 1, Flags::PURE, char_int),
    ("pg_int4_to_char", 1, Flags::PURE, int_char),
    ("pg_text_to_int2vector", 1, Flags::PURE, |a| vector(a, INT2, "smallint")),
    ("pg_text_to_oidvector", 1, Flags::PURE, |a| vector(a, OID, "oid")),
    ("pg_xid8_to_xid", 1, Flags::PURE, |a| integer(a.int(0)? & i64::from(u32::MAX))),
];

type Result<T> = std::result::Result<T, FunctionError>;

fn out_of_range(name: &str) -> FunctionError {
    FunctionError::new("22003", format!("{name} out of range"))
}

/// 22P02
pub(super) fn invalid(s: &str, name: &str) -> FunctionError {
    FunctionError::new("22P02", format!("invalid input syntax for type {name}: \"{s}\""))
}

fn beyond(s: &str, name: &str) -> FunctionError {
    FunctionError::new("22003", format!("value \"{s}\" is out of range for type {name}"))
}

fn within(n: i64, (min, max): (i64, i64), name: &str) -> Outcome {
    if (min..=max).contains(&n) { integer(n) } else { Err(out_of_range(name)) }
}

/// An oid beyond int4 turns negative, as its bits do.
fn wrap_to_int4(n: i64) -> i64 {
    if n > INT4.1 { n - (1 << 32) } else { n }
}

fn float_int(args: &Args<'_>, (min, max): (i64, i64), name: &str) -> Outcome {
    integer(float_to_int(args.float(0)?, min, max, name)?)
}

/// Rounds half to even, as the cast from float8 does.
pub(super) fn float_to_int(r: f64, min: i64, max: i64, name: &str) -> Result<i64> {
    let rounded = r.round_ties_even();
    #[expect(clippy::cast_precision_loss, reason = "the bound itself is exact or one too high")]
    let fits = rounded >= min as f64 && rounded < max as f64 + 1.0;
    #[expect(clippy::cast_possible_truncation, reason = "checked")]
    if fits { Ok(rounded as i64) } else { Err(out_of_range(name)) }
}

fn numeric_int(args: &Args<'_>, (min, max): (i64, i64), name: &str) -> Outcome {
    let whole = args.decimal(0)?.round(0).to_i128();
    match whole.and_then(|n| i64::try_from(n).ok()).filter(|n| (min..=max).contains(n)) {
        Some(n) => integer(n),
        None => Err(out_of_range(name)),
    }
}

fn narrow(r: f64) -> Outcome {
    let single = widened(r);
    in_range(single, !r.is_finite(), r == 0.0)?;
    real(shortest(single))
}

fn text_float4(args: &Args<'_>) -> Outcome {
    let s = args.text(0)?;
    let beyond = |_| FunctionError::new("22003", format!("\"{s}\" is out of range for type real"));
    narrow(parse_float(&s, "real")?).map_err(beyond)
}

/// A float has that many digits worth keeping.
fn float_numeric(r: f64, digits: usize) -> Outcome {
    if !r.is_finite() {
        return text(float_text(r));
    }
    let rounded = format!("{r:.*e}", digits - 1);
    Ok(Decimal::parse(&rounded)?.into_value())
}

const BOOLEANS: &[(&str, usize, bool)] = &[
    ("true", 1, true),
    ("false", 1, false),
    ("yes", 1, true),
    ("no", 1, false),
    ("on", 2, true),
    ("off", 2, false),
    ("1", 1, true),
    ("0", 1, false),
];

/// Any unambiguous beginning of true, false, yes, no, on, off; 1 and 0.
pub(super) fn parse_bool(s: &str) -> Result<bool> {
    let word = trim(s).to_ascii_lowercase();
    BOOLEANS
        .iter()
        .find(|(name, shortest, _)| word.len() >= *shortest && name.starts_with(word.as_str()))
        .map(|(_, _, value)| *value)
        .ok_or_else(|| invalid(s, "boolean"))
}

/// White space as C's `isspace` has it.
fn trim(s: &str) -> &str {
    s.trim_matches([' ', '\t', '\n', '\r', '\x0b', '\x0c'])
}

/// An integer with sign and spaces around, and nothing else.
pub(super) fn parse_int(s: &str, name: &str) -> Result<i64> {
    let trimmed = trim(s);
    let digits = trimmed.strip_prefix(['+', '-']).unwrap_or(trimmed);
    if digits.is_empty() || digits.bytes().any(|b| !b.is_ascii_digit()) {
        return Err(invalid(s, name));
    }
    trimmed.parse().map_err(|_error| beyond(s, name))
}

fn text_int(args: &Args<'_>, (min, max): (i64, i64), name: &str) -> Outcome {
    let s = args.text(0)?;
    let n = parse_int(&s, name)?;
    if (min..=max).contains(&n) { integer(n) } else { Err(beyond(&s, name)) }
}

/// Negative numbers are taken for their bits.
fn text_oid(args: &Args<'_>, name: &str) -> Outcome {
    let s = args.text(0)?;
    let n = parse_int(&s, name)?;
    match n {
        _ if (OID.0..=OID.1).contains(&n) => integer(n),
        _ if (INT4.0..0).contains(&n) => integer(n + (1 << 32)),
        _ => Err(beyond(&s, name)),
    }
}

/// A float as Postgres reads it.
pub(super) fn parse_float(s: &str, name: &str) -> Result<f64> {
    let trimmed = trim(s);
    let plain = trimmed.trim_start_matches(['+', '-']);
    let named = matches!(plain.to_ascii_lowercase().as_str(), "nan" | "inf" | "infinity");
    let numeric = plain.bytes().next().is_some_and(|b| b.is_ascii_digit() || b == b'.');
    if !named && !numeric {
        return Err(invalid(s, name));
    }
    let r: f64 = trimmed.parse().map_err(|_error| invalid(s, name))?;
    if r.is_infinite() && !named {
        return Err(FunctionError::new(
            "22003",
            format!("\"{s}\" is out of range for type {name}"),
        ));
    }
    Ok(r)
}

fn text_numeric(args: &Args<'_>) -> Outcome {
    let s = args.text(0)?;
    match trim(&s).to_ascii_lowercase().as_str() {
        "nan" => text("NaN"),
        "inf" | "infinity" | "+inf" | "+infinity" => text("Infinity"),
        "-inf" | "-infinity" => text("-Infinity"),
        _ => Ok(Decimal::parse(&s)?.into_value()),
    }
}

/// 32 hexadecimal digits, in braces or not, with dashes after any four.
fn parse_uuid(s: &str) -> Result<String> {
    let bare = s.strip_prefix('{').and_then(|rest| rest.strip_suffix('}')).unwrap_or(s);
    let mut digits = String::with_capacity(36);
    let mut count = 0;
    let mut dash_allowed = false;
    for c in bare.chars() {
        if c == '-' && dash_allowed {
            dash_allowed = false;
            continue;
        }
        if !c.is_ascii_hexdigit() {
            return Err(invalid(s, "uuid"));
        }
        if matches!(count, 8 | 12 | 16 | 20) {
            digits.push('-');
        }
        digits.push(c.to_ascii_lowercase());
        count += 1;
        dash_allowed = count % 4 == 0 && count < 32;
    }
    if count == 32 { Ok(digits) } else { Err(invalid(s, "uuid")) }
}

fn char_int(args: &Args<'_>) -> Outcome {
    let byte = args.bytes(0).first().copied().unwrap_or(0);
    integer(i8::from_le_bytes([byte]))
}

fn int_char(args: &Args<'_>) -> Outcome {
    let code = args.int(0)?;
    let byte = i8::try_from(code).map_err(|_error| out_of_range("\"char\""))?;
    let [byte] = byte.to_le_bytes();
    text(if byte == 0 { String::new() } else { char::from(byte).to_string() })
}

fn vector(args: &Args<'_>, (min, max): (i64, i64), name: &str) -> Outcome {
    let s = args.text(0)?;
    let parts: Result<Vec<_>> = s
        .split_ascii_whitespace()
        .map(|part| {
            let n = parse_int(part, name)?;
            if (min..=max).contains(&n) { Ok(n.to_string()) } else { Err(beyond(part, name)) }
        })
        .collect();
    text(parts?.join(" "))
}
