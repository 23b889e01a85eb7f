//! Constants and parameters.

use super::expression::field_name;
use super::scope::Scope;
use super::typed::{Form, Typed};
use super::{Translator, quote};
use crate::statement::{Error, ErrorKind};
use crate::types::{ColumnType, Numeric, Type};
use sqlparser::ast::Value;

impl Translator<'_> {
    /// A literal or parameter.
    pub(super) fn value(&mut self, value: &Value, at: Option<usize>) -> Result<Typed, Error> {
        let literal = at.and_then(|at| self.literals.index_at(at));
        let typed = match value {
            Value::Null => Typed::null(),
            Value::Boolean(true) => Typed { not_null: true, ..Typed::new("TRUE", Type::BOOL) },
            Value::Boolean(false) => Typed { not_null: true, ..Typed::new("FALSE", Type::BOOL) },
            Value::Number(digits, _) => number(digits, literal),
            Value::Placeholder(name) => self.parameter(name, at)?,
            Value::SingleQuotedString(text)
            | Value::EscapedStringLiteral(text)
            | Value::UnicodeStringLiteral(text)
            | Value::NationalStringLiteral(text) => string(text, literal),
            Value::SingleQuotedByteStringLiteral(bits) => {
                Typed { not_null: true, ..Typed::new(quote::string(bits), Type(1560)) }
            }
            Value::DollarQuotedString(text) => string(&text.value, literal),
            _ => return Err(ErrorKind::Unsupported("this kind of literal".to_owned()).at(at)),
        };
        Ok(typed.at(at))
    }

    fn parameter(&mut self, name: &str, at: Option<usize>) -> Result<Typed, Error> {
        let number: usize = name.trim_start_matches(['$', '?']).parse().unwrap_or(0);
        let index = number.wrapping_sub(1);
        let Some(known) = self.parameters.get(index) else {
            return Err(ErrorKind::UndefinedParameter(u32::try_from(number).unwrap_or(0)).at(at));
        };
        let ty = known.unwrap_or(ColumnType::new(Type::UNKNOWN));
        let sql = format!("?{number}");
        Ok(Typed { form: Form::Parameter(index), ..Typed::new(sql, ty.ty).with_type(ty) })
    }

    /// `interval '1' day` is `interval '1 day'`.
    pub(super) fn interval(
        &mut self,
        interval: &sqlparser::ast::Interval,
        scope: &Scope<'_>,
    ) -> Result<Typed, Error> {
        let typed = self.expr(&interval.value, scope)?;
        let target = ColumnType::new(Type::INTERVAL);
        let (Some(field), Form::Text(text, _)) = (&interval.leading_field, &typed.form) else {
            return self.explicit(typed, target);
        };
        let has_unit = text.contains(|c: char| c.is_ascii_alphabetic() || c == ':');
        let text = if has_unit { text.clone() } else { format!("{text} {}", field_name(field)) };
        self.explicit(string(&text, None).at(typed.at), target)
    }
}

/// A string literal that waits for its type.
pub(super) fn string(text: &str, literal: Option<usize>) -> Typed {
    Typed {
        form: Form::Text(text.to_owned(), literal),
        not_null: true,
        ..Typed::new(quote::string(text), Type::UNKNOWN)
    }
}

/// A number literal: `int4` if it fits, then `int8`, then `numeric`.
fn number(digits: &str, literal: Option<usize>) -> Typed {
    let plain = digits.replace('_', "");
    let integer = match plain.get(..2).map(str::to_ascii_lowercase).as_deref() {
        Some("0x") => i64::from_str_radix(&plain[2..], 16).ok(),
        Some("0o") => i64::from_str_radix(&plain[2..], 8).ok(),
        Some("0b") => i64::from_str_radix(&plain[2..], 2).ok(),
        _ => plain.parse::<i64>().ok(),
    };
    let (sql, ty) = match integer {
        Some(i) if i32::try_from(i).is_ok() => (i.to_string(), Type::INT4),
        Some(i) => (i.to_string(), Type::INT8),
        None => (numeric(&plain), Type::NUMERIC),
    };
    Typed { form: Form::Number(literal, false), not_null: true, ..Typed::new(sql, ty) }
}

/// A numeric in its inside-SQLite form.
fn numeric(digits: &str) -> String {
    match Numeric::parse(digits) {
        Ok(number) => quote::value(&number.to_value()),
        Err(_) => quote::string(digits),
    }
}
