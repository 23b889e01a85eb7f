//! What SQLite compares, sorts and groups in place of values whose form does not.
//!
//! Inside SQLite an interval and a timetz are text, and so is a numeric that no REAL says exactly or
//! that ends in zeros. Keys of all three are compared instead, unless a numeric is known to be an
//! INTEGER or a REAL: a column's values are, and whatever was an integer.

use super::Translator;
use super::body::RowColumn;
use super::typed::{Form, Typed};
use crate::types::Type;

impl Translator<'_> {
    /// Values that are compared with each other, in forms that compare as they do.
    pub(super) fn comparable(&self, values: Vec<Typed>) -> Vec<Typed> {
        let Some(key) = values.first().and_then(|value| key_of(value.ty.ty)) else { return values };
        let numeric = key == NUMERIC_KEY;
        if self.stored || numeric && values.iter().all(is_number) {
            return values;
        }
        // A column stays as it is, for the sake of its indexes.
        let function = if numeric && values.iter().any(is_number) { "pg_number" } else { key };
        let hand = |value: Typed| match function == key || !is_number(&value) {
            true => Typed { sql: format!("{function}({})", value.sql), ..atom(value) },
            false => value,
        };
        values.into_iter().map(hand).collect()
    }

    /// The keys of several values, between commas.
    pub(super) fn sort_keys(&self, values: &[Typed]) -> String {
        values.iter().map(|value| self.sort_key(value)).collect::<Vec<_>>().join(", ")
    }

    /// What sorts, and is equal, as a value does.
    pub(super) fn sort_key(&self, value: &Typed) -> String {
        match key_of(value.ty.ty).filter(|_| !self.stored && !is_number(value)) {
            Some(key) => format!("{key}({})", value.sql),
            None => value.sql.clone(),
        }
    }
}

impl RowColumn {
    /// The function whose result sorts, and is equal, as the column's values do.
    pub(super) fn key(&self) -> Option<&'static str> {
        key_of(self.ty.ty).filter(|_| !self.number)
    }
}

const NUMERIC_KEY: &str = "pg_numeric_key";

fn key_of(ty: Type) -> Option<&'static str> {
    match ty {
        Type::NUMERIC => Some(NUMERIC_KEY),
        Type::INTERVAL => Some("pg_interval_key"),
        Type::TIMETZ => Some("pg_timetz_key"),
        _ => None,
    }
}

/// The function that compares the values at hand: SQLite's own where they are numbers to it.
pub(super) fn comparing(sqlite: &'static str, arguments: &[Typed]) -> &'static str {
    let numeric = arguments.first().is_some_and(|argument| argument.ty.ty == Type::NUMERIC);
    match (sqlite, numeric && arguments.iter().all(is_number)) {
        ("pg_max_numeric", true) => "max",
        ("pg_min_numeric", true) => "min",
        ("pg_greatest", false) if numeric => "pg_greatest_numeric",
        ("pg_least", false) if numeric => "pg_least_numeric",
        _ => sqlite,
    }
}

fn atom(value: Typed) -> Typed {
    Typed { level: super::typed::Level::Atom, form: Form::Plain, origin: None, ..value }
}

/// SQLite holds it as INTEGER or REAL.
pub(super) fn is_number(value: &Typed) -> bool {
    let digits = || value.sql.starts_with(|c: char| c.is_ascii_digit() || c == '-');
    value.ty.ty == Type::NUMERIC
        && match value.form {
            Form::Whole | Form::Null => true,
            Form::Number(..) => digits() && !value.sql.contains('?'),
            _ => value.origin.is_some(),
        }
}
