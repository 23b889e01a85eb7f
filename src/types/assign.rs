//! Fitting a value to the modifier of the column it is assigned to: `varchar(3)`, `numeric(10,2)`,
//! `timestamp(0)`.

use super::datetime::{self, INFINITY, NEG_INFINITY};
use super::{ColumnType, Error, Numeric, Type, Value, numeric};

/// Fits a value in its stored form, as an INSERT or UPDATE of a Postgres column does: decimals and
/// fractions of a second are rounded, a string that is too long is refused unless only spaces are
/// lost. `char(n)` loses the spaces at its end.
///
/// # Errors
/// The value does not fit.
pub fn assign(value: Value, column: &ColumnType) -> Result<Value, Error> {
    if column.typmod < 0 {
        return Ok(value);
    }
    match (column.ty, value) {
        (Type::NUMERIC, value) => match Numeric::from_value(value.borrow()) {
            Some(number) => Ok(number.fit(column.typmod)?.to_value()),
            None => Ok(value),
        },
        (Type::VARCHAR, Value::Text(text)) => shorten(text, column),
        (Type::BPCHAR, Value::Text(text)) => shorten(text.trim_end_matches(' ').to_owned(), column),
        (Type::TIME, Value::Text(text)) => {
            let time = datetime::read_time(Value::Text(text.clone()).borrow());
            let rounded = time.map(|us| datetime::stored_time(round(us, column.typmod)));
            Ok(Value::Text(rounded.unwrap_or(text)))
        }
        (Type::TIMESTAMP | Type::TIMESTAMPTZ, value) => {
            let utc = column.ty == Type::TIMESTAMPTZ;
            let us = datetime::read_timestamp(value.borrow(), column.storage, utc);
            let rounded = us.map(|us| round(us, column.typmod));
            Ok(rounded.map_or(value, |us| datetime::to_value(us, column.storage)))
        }
        (_, value) => Ok(value),
    }
}

/// The length in characters that a `varchar(n)` or `char(n)` has room for.
#[must_use]
pub fn character_length(typmod: i32) -> Option<usize> {
    usize::try_from(typmod.checked_sub(4)?).ok()
}

fn shorten(text: String, column: &ColumnType) -> Result<Value, Error> {
    let Some(length) = character_length(column.typmod) else { return Ok(Value::Text(text)) };
    let Some((cut, _)) = text.char_indices().nth(length) else { return Ok(Value::Text(text)) };
    let (kept, lost) = text.split_at(cut);
    if lost.bytes().all(|b| b == b' ') {
        return Ok(Value::Text(kept.to_owned()));
    }
    let ty = column.ty.scalar_sql_name();
    Err(Error::TooLong { ty, length: column.typmod - numeric::TYPMOD_BASE })
}

/// Rounds microseconds to so many digits, half away from zero.
fn round(us: i64, digits: i32) -> i64 {
    if us == INFINITY || us == NEG_INFINITY || !(0..6).contains(&digits) {
        return us;
    }
    let unit = 10_i64.pow(6 - digits.unsigned_abs());
    let half = if us < 0 { -unit / 2 } else { unit / 2 };
    us.checked_add(half).map_or(us, |us| us / unit * unit)
}
