//! Zeros and spaces at the end of values that SQLite does not keep: the scale of a `numeric(p,s)` and
//! the length of a `char(n)`.
//!
//! A column's values get them back where they are shown. What is made of such values has them too:
//! either the translator can tell how many (a sum has the scale of its terms), or the values are
//! given them before a function sees them.

use super::Translator;
use super::typed::{Form, Typed};
use crate::types::{ColumnType, Storage, Type};

impl Translator<'_> {
    /// The arguments as a function is to see them, and the type of what it makes of them.
    pub(super) fn shown(
        &self,
        sqlite: &str,
        arguments: Vec<Typed>,
        result: Type,
    ) -> (Vec<Typed>, ColumnType) {
        let ty = ColumnType::new(result);
        if !arguments.iter().any(|argument| is_shown(argument.ty.ty)) || is_unaware(sqlite) {
            return (arguments, ty);
        }
        match made(sqlite, &arguments).filter(|_| is_shown(result)) {
            Some(shown) => (arguments, ColumnType { storage: Storage::Shown(shown), ..ty }),
            None => (arguments.into_iter().map(|argument| self.exact(argument)).collect(), ty),
        }
    }

    /// Values of one type that stand for each other, and the type they have in common.
    pub(super) fn alike(&self, values: Vec<Typed>) -> (Vec<Typed>, ColumnType) {
        let known: Vec<&Typed> = values.iter().filter(|v| !matches!(v.form, Form::Null)).collect();
        let ty = known.first().or(values.first().as_ref()).map_or(Type::TEXT, |value| value.ty.ty);
        match known.first() {
            Some(first) if known.iter().all(|value| value.ty == first.ty) => {
                let ty = first.ty;
                (values, ty)
            }
            _ => self.shown("coalesce", values, ty),
        }
    }

    /// A value with the zeros or spaces its column shows.
    pub(super) fn exact(&self, value: Typed) -> Typed {
        let shown = value.ty.shown().filter(|shown| *shown > 0 && !self.stored);
        let sql = match (shown, value.ty.ty) {
            (Some(scale), Type::NUMERIC) => format!("pg_numeric_scale({}, {scale})", value.sql),
            (Some(length), Type::BPCHAR) => format!("pg_rpad({}, {length})", value.sql),
            _ => return value,
        };
        Typed { not_null: value.not_null, ..Typed::new(sql, value.ty.ty).at(value.at) }
    }
}

fn is_shown(ty: Type) -> bool {
    matches!(ty, Type::NUMERIC | Type::BPCHAR)
}

/// What a function makes of shown values, where that can be told.
fn made(sqlite: &str, arguments: &[Typed]) -> Option<u32> {
    let arguments = arguments.iter().filter(|argument| !matches!(argument.form, Form::Null));
    let shown = arguments.map(|argument| argument.ty.shown()).collect::<Option<Vec<u32>>>()?;
    let first = *shown.first()?;
    match sqlite {
        "pg_numeric_add" | "pg_numeric_sub" | "pg_mod_numeric" => shown.into_iter().max(),
        "pg_numeric_mul" => Some(shown.into_iter().sum()),
        "pg_sum_numeric" | "pg_numeric_neg" | "pg_abs_numeric" => Some(first),
        "min"
        | "max"
        | "pg_min_numeric"
        | "pg_max_numeric"
        | "coalesce"
        | "pg_greatest"
        | "pg_least"
        | "pg_greatest_numeric"
        | "pg_least_numeric"
        | "first_value"
        | "last_value"
        | "pg_single" => shown.iter().all(|n| *n == first).then_some(first),
        _ => None,
    }
}

/// Functions that do not look at zeros after the last digit.
fn is_unaware(sqlite: &str) -> bool {
    sqlite.starts_with(|c: char| !c.is_ascii_alphabetic())
        || matches!(
            sqlite,
            "pg_numeric_div"
                | "pg_avg_numeric"
                | "pg_round_numeric"
                | "pg_trunc_numeric"
                | "pg_ceil_numeric"
                | "pg_floor_numeric"
                | "pg_sign_numeric"
                | "count"
        )
}
