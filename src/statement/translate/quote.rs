//! The only place where names and values become SQLite text.

use crate::types::Value;
use std::fmt::Write as _;

/// An identifier, always quoted.
pub(super) fn name(name: &str) -> String {
    let mut out = String::with_capacity(name.len() + 2);
    out.push('"');
    for c in name.chars() {
        if c == '"' {
            out.push('"');
        }
        out.push(c);
    }
    out.push('"');
    out
}

/// A string literal. A zero byte would end the statement for SQLite, so such text goes as bytes.
pub(super) fn string(text: &str) -> String {
    if text.contains('\0') {
        return format!("CAST({} AS TEXT)", bytes(text.as_bytes()));
    }
    let mut out = String::with_capacity(text.len() + 2);
    out.push('\'');
    for c in text.chars() {
        if c == '\'' {
            out.push('\'');
        }
        out.push(c);
    }
    out.push('\'');
    out
}

/// A blob literal.
pub(super) fn bytes(bytes: &[u8]) -> String {
    let mut out = String::with_capacity(bytes.len() * 2 + 3);
    out.push_str("X'");
    for byte in bytes {
        // Writing to a String cannot fail.
        let _ = write!(out, "{byte:02X}");
    }
    out.push('\'');
    out
}

/// A literal of any storage class.
pub(super) fn value(value: &Value) -> String {
    match value {
        Value::Null => "NULL".to_owned(),
        // SQLite reads the digits of the smallest integer as a real before it negates them.
        Value::Integer(i64::MIN) => "(-9223372036854775807-1)".to_owned(),
        Value::Integer(i) => i.to_string(),
        // SQLite has no NaN: its name stands for it.
        Value::Real(r) if r.is_nan() => string("NaN"),
        Value::Real(r) if r.is_infinite() && *r > 0.0 => "9e999".to_owned(),
        Value::Real(r) if r.is_infinite() => "-9e999".to_owned(),
        Value::Real(r) => format!("{r:?}"),
        Value::Text(text) => string(text),
        Value::Blob(blob) => bytes(blob),
    }
}

/// Several names, quoted, between commas.
pub(super) fn names<'a>(list: impl IntoIterator<Item = &'a str>) -> String {
    list.into_iter().map(name).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotes_are_doubled() {
        assert_eq!(name("a\"b"), "\"a\"\"b\"");
        assert_eq!(string("x\\'' OR 1=1 --"), "'x\\'''' OR 1=1 --'");
        assert_eq!(string("a\0b"), "CAST(X'610062' AS TEXT)");
    }

    #[test]
    fn values_keep_their_class() {
        assert_eq!(value(&Value::Real(1.0)), "1.0");
        assert_eq!(value(&Value::Real(1e300)), "1e300");
        assert_eq!(value(&Value::Integer(i64::MIN)), "(-9223372036854775807-1)");
        assert_eq!(value(&Value::Blob(vec![1, 255])), "X'01FF'");
    }
}
