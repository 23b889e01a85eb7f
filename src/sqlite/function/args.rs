//! The arguments of a SQL function.
//!
//! What enters: SQLite values. What leaves: the Rust value a function asks for, or the error
//! Postgres gives when the value cannot be read as that type.

use super::decimal::Decimal;
use crate::sqlite::host::{FunctionError, Host, HostSlot};
use crate::types::{Value, ValueRef};
use std::borrow::Cow;
use std::sync::Arc;

/// Arguments, and the way to the session.
pub struct Args<'a> {
    values: &'a [ValueRef<'a>],
    slot: &'a HostSlot,
}

impl<'a> Args<'a> {
    /// The arguments of one call.
    pub fn new(values: &'a [ValueRef<'a>], slot: &'a HostSlot) -> Self {
        Self { values, slot }
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.values.len()
    }

    /// There are none.
    pub fn is_empty(&self) -> bool {
        self.values.is_empty()
    }

    /// All of them.
    pub fn values(&self) -> &'a [ValueRef<'a>] {
        self.values
    }

    /// The connection's way to its session.
    pub fn slot(&self) -> &'a HostSlot {
        self.slot
    }

    /// One of them; NULL when it was not given.
    pub fn value(&self, i: usize) -> ValueRef<'a> {
        self.values.get(i).copied().unwrap_or(ValueRef::Null)
    }

    /// It is NULL or was not given.
    pub fn is_null(&self, i: usize) -> bool {
        self.value(i) == ValueRef::Null
    }

    /// The session that runs the statement.
    ///
    /// # Errors
    /// 55000 outside a session.
    pub fn host(&self) -> Result<Arc<dyn Host>, FunctionError> {
        self.slot
            .host()
            .ok_or_else(|| FunctionError::new("55000", "no session runs this statement"))
    }

    /// As text; a number as SQLite writes it.
    ///
    /// # Errors
    /// 22021 for text that is not UTF-8.
    pub fn text(&self, i: usize) -> Result<Cow<'a, str>, FunctionError> {
        match self.value(i) {
            ValueRef::Null => Ok(Cow::Borrowed("")),
            ValueRef::Text(t) | ValueRef::Blob(t) => utf8(t).map(Cow::Borrowed),
            ValueRef::Integer(n) => Ok(Cow::Owned(n.to_string())),
            ValueRef::Real(r) => Ok(Cow::Owned(super::math::float_text(r))),
        }
    }

    /// As text, if given and not NULL.
    ///
    /// # Errors
    /// 22021 for text that is not UTF-8.
    pub fn text_if(&self, i: usize) -> Result<Option<Cow<'a, str>>, FunctionError> {
        if self.is_null(i) { Ok(None) } else { self.text(i).map(Some) }
    }

    /// As bytes.
    pub fn bytes(&self, i: usize) -> Cow<'a, [u8]> {
        match self.value(i) {
            ValueRef::Null => Cow::Borrowed(&[]),
            ValueRef::Text(t) | ValueRef::Blob(t) => Cow::Borrowed(t),
            ValueRef::Integer(n) => Cow::Owned(n.to_string().into_bytes()),
            ValueRef::Real(r) => Cow::Owned(super::math::float_text(r).into_bytes()),
        }
    }

    /// As an integer.
    ///
    /// # Errors
    /// 22P02 for what is no integer.
    pub fn int(&self, i: usize) -> Result<i64, FunctionError> {
        match self.value(i) {
            ValueRef::Null => Ok(0),
            ValueRef::Integer(n) => Ok(n),
            ValueRef::Real(r) => super::cast::float_to_int(r, i64::MIN, i64::MAX, "bigint"),
            ValueRef::Text(t) | ValueRef::Blob(t) => super::cast::parse_int(utf8(t)?, "bigint"),
        }
    }

    /// As an integer, if given and not NULL.
    ///
    /// # Errors
    /// 22P02 for what is no integer.
    pub fn int_or(&self, i: usize, default: i64) -> Result<i64, FunctionError> {
        if self.is_null(i) { Ok(default) } else { self.int(i) }
    }

    /// As a float.
    ///
    /// # Errors
    /// 22P02 for what is no number.
    pub fn float(&self, i: usize) -> Result<f64, FunctionError> {
        float(self.value(i))
    }

    /// As a decimal number.
    ///
    /// # Errors
    /// 22P02 for what is no number, 22003 for one that is too long.
    pub(super) fn decimal(&self, i: usize) -> Result<Decimal, FunctionError> {
        Decimal::from_value(self.value(i))
    }

    /// As a boolean.
    ///
    /// # Errors
    /// 22P02 for what is none.
    pub fn bool(&self, i: usize) -> Result<bool, FunctionError> {
        match self.value(i) {
            ValueRef::Null => Ok(false),
            ValueRef::Integer(n) => Ok(n != 0),
            ValueRef::Real(r) => Ok(r != 0.0),
            ValueRef::Text(t) | ValueRef::Blob(t) => super::cast::parse_bool(utf8(t)?),
        }
    }

    /// An owned copy.
    ///
    /// # Errors
    /// 22021 for text that is not UTF-8.
    pub fn owned(&self, i: usize) -> Result<Value, FunctionError> {
        owned(self.value(i))
    }
}

/// A value as a float.
pub(super) fn float(value: ValueRef<'_>) -> Result<f64, FunctionError> {
    match value {
        ValueRef::Null => Ok(0.0),
        #[expect(clippy::cast_precision_loss, reason = "what Postgres's cast does")]
        ValueRef::Integer(n) => Ok(n as f64),
        ValueRef::Real(r) => Ok(r),
        ValueRef::Text(t) | ValueRef::Blob(t) => {
            super::cast::parse_float(utf8(t)?, "double precision")
        }
    }
}

/// An owned copy of a value.
pub(super) fn owned(value: ValueRef<'_>) -> Result<Value, FunctionError> {
    Ok(match value {
        ValueRef::Null => Value::Null,
        ValueRef::Integer(n) => Value::Integer(n),
        ValueRef::Real(r) => Value::Real(r),
        ValueRef::Text(t) => Value::Text(utf8(t)?.to_owned()),
        ValueRef::Blob(b) => Value::Blob(b.to_vec()),
    })
}

/// Text as stored, which SQLite does not promise to be UTF-8.
pub(super) fn utf8(bytes: &[u8]) -> Result<&str, FunctionError> {
    std::str::from_utf8(bytes).map_err(|error| {
        let rest = bytes.get(error.valid_up_to()..).unwrap_or_default();
        let bad: Vec<_> = rest.iter().take(2).map(|b| format!("0x{b:02x}")).collect();
        FunctionError::new(
            "22021",
            format!("invalid byte sequence for encoding \"UTF8\": {}", bad.join(" ")),
        )
    })
}
