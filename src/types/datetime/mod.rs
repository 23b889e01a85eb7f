//! Dates and times as numbers, in the proleptic Gregorian calendar.
//!
//! What enters: text, or numbers. What leaves: numbers, or text. A date is days since 1970-01-01, a
//! time microseconds since midnight, a timestamp microseconds since 1970-01-01 00:00 (UTC for
//! `timestamptz`, the wall clock's for `timestamp`); the two infinities are the ends of the range.
//! Zones come through jiff only.
//!
//! Postgres counts timestamps from 2000 and so reaches 30 years further than this does.
//! <https://www.postgresql.org/docs/15/datatype-datetime.html>

mod calendar;
mod field;
mod format;
mod iso;
mod parse;
mod token;
pub mod zone;

pub use calendar::{
    add, add_tz, age, age_days, bin, date_from_timestamp, timestamp_from_date, trunc, trunc_tz,
};
pub use field::{
    Field, extract_date, extract_interval, extract_time, extract_timestamp, extract_timestamptz,
    extract_timetz,
};
pub(super) use format::fraction as write_fraction;
pub use format::{
    stored_date, stored_time, stored_timestamp, stored_timetz, write_date, write_time,
    write_timestamp, write_timestamptz, write_timetz,
};
pub(super) use parse::fraction_micros;
pub use parse::{parse_date, parse_time, parse_timestamp, parse_timestamptz, parse_timetz};

use super::{Error, Storage, ValueRef};

/// Microseconds in a second.
pub const SECOND: i64 = 1_000_000;
/// Microseconds in a minute.
pub const MINUTE: i64 = 60 * SECOND;
/// Microseconds in an hour.
pub const HOUR: i64 = 60 * MINUTE;
/// Microseconds in a day.
pub const DAY: i64 = 24 * HOUR;
/// The timestamp `infinity`.
pub const INFINITY: i64 = i64::MAX;
/// The timestamp `-infinity`.
pub const NEG_INFINITY: i64 = i64::MIN;
/// The date `infinity`.
pub const DATE_INFINITY: i32 = i32::MAX;
/// The date `-infinity`.
pub const DATE_NEG_INFINITY: i32 = i32::MIN;
/// Days from 1970-01-01 to 2000-01-01, Postgres's epoch on the wire.
pub const POSTGRES_EPOCH_DAYS: i32 = 10_957;
/// Microseconds from 1970 to 2000.
pub const POSTGRES_EPOCH: i64 = POSTGRES_EPOCH_DAYS as i64 * DAY;
/// The first day Postgres has: 4713-11-24 BC, Julian day 0.
pub const DATE_MIN: i32 = -2_440_588;
/// The last day Postgres has: 5874897-12-31.
pub const DATE_MAX: i32 = 2_145_042_905;
/// The Julian day of 1970-01-01.
pub const JULIAN_1970: i32 = 2_440_588;

/// A time with its own zone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TimeTz {
    /// Microseconds since midnight, local.
    pub time: i64,
    /// Seconds east of Greenwich.
    pub offset: i32,
}

/// A timestamp taken apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Civil {
    /// The year, astronomical: 0 is 1 BC.
    pub year: i32,
    /// 1 to 12
    pub month: u8,
    /// 1 to 31
    pub day: u8,
    /// Microseconds since midnight.
    pub time: i64,
}

impl Civil {
    /// Takes a finite timestamp apart.
    #[must_use]
    pub fn of(us: i64) -> Self {
        let (year, month, day) = civil_from_days(us.div_euclid(DAY));
        Self { year, month, day, time: us.rem_euclid(DAY) }
    }

    /// The timestamp.
    ///
    /// # Errors
    /// It is out of range.
    pub fn timestamp(self) -> Result<i64, Error> {
        let days = days_from_civil(self.year, self.month, self.day);
        days.checked_mul(DAY)
            .and_then(|us| us.checked_add(self.time))
            .filter(|us| in_range(*us))
            .ok_or(Error::DatetimeRange { ty: "timestamp", text: None })
    }

    /// 0 to 23
    #[must_use]
    pub fn hour(self) -> i64 {
        self.time / HOUR
    }

    /// 0 to 59
    #[must_use]
    pub fn minute(self) -> i64 {
        self.time / MINUTE % 60
    }

    /// 0 to 59
    #[must_use]
    pub fn second(self) -> i64 {
        self.time / SECOND % 60
    }

    /// Microseconds within the second.
    #[must_use]
    pub fn micros(self) -> i64 {
        self.time % SECOND
    }
}

/// Whether a timestamp is one of the two infinities.
#[must_use]
pub fn is_infinite(us: i64) -> bool {
    us == INFINITY || us == NEG_INFINITY
}

/// Whether a finite timestamp is in range: Julian day 0 and later.
#[must_use]
pub fn in_range(us: i64) -> bool {
    !is_infinite(us) && us >= i64::from(DATE_MIN) * DAY
}

/// Whether a finite date is in range.
#[must_use]
pub fn date_in_range(days: i64) -> bool {
    (i64::from(DATE_MIN)..=i64::from(DATE_MAX)).contains(&days)
}

/// Days since 1970-01-01 of a date; the year is astronomical, the month 1 to 12.
#[must_use]
pub fn days_from_civil(year: i32, month: u8, day: u8) -> i64 {
    let year = i64::from(year) - i64::from(month <= 2);
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let day_of_year = (153 * ((i64::from(month) + 9) % 12) + 2) / 5 + i64::from(day) - 1;
    era * 146_097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719_468
}

/// Year (astronomical), month and day of a day since 1970-01-01.
#[must_use]
pub fn civil_from_days(days: i64) -> (i32, u8, u8) {
    let shifted = days + 719_468;
    let era = shifted.div_euclid(146_097);
    let day_of_era = shifted.rem_euclid(146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    (year as i32, month as u8, day as u8)
}

/// Days of a month; the year is astronomical, the month 1 to 12.
#[must_use]
pub fn days_in_month(year: i32, month: u8) -> u8 {
    match month {
        2 if is_leap(year) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Whether an astronomical year is a leap year.
#[must_use]
pub fn is_leap(year: i32) -> bool {
    year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
}

/// The day of the week, Sunday 0.
#[must_use]
pub fn day_of_week(days: i64) -> i64 {
    (days + 4).rem_euclid(7)
}

/// Reads a stored timestamp (wall clock, or UTC with `utc`); `None` for a value that is none.
///
/// Text may be in any form Postgres reads; with `utc`, a zone suffix is honoured and a missing one
/// means UTC, otherwise it is left out of account.
#[must_use]
pub fn read_timestamp(value: ValueRef<'_>, storage: Storage, utc: bool) -> Option<i64> {
    match value {
        ValueRef::Text(text) => iso::timestamp(text, utc).or_else(|| parse::lenient(text, utc)),
        ValueRef::Integer(i) => from_number(i, storage),
        ValueRef::Real(r) => from_real(r, storage),
        ValueRef::Null | ValueRef::Blob(_) => None,
    }
    .filter(|us| is_infinite(*us) || in_range(*us))
}

/// Reads a stored date; `None` for a value that is none.
#[must_use]
pub fn read_date(value: ValueRef<'_>, storage: Storage) -> Option<i32> {
    if let ValueRef::Text(text) = value
        && let Some(days) = iso::date(text)
    {
        return Some(days);
    }
    if let ValueRef::Text(text) = value {
        let text = std::str::from_utf8(text).ok().filter(|text| parse::is_fixed(text))?;
        return parse_date(text, &parse::LENIENT).ok();
    }
    Some(date_from_timestamp(read_timestamp(value, storage, false)?))
}

/// Reads a stored time; `None` for a value that is none.
#[must_use]
pub fn read_time(value: ValueRef<'_>) -> Option<i64> {
    let ValueRef::Text(text) = value else { return None };
    iso::time(text).or_else(|| {
        let text = std::str::from_utf8(text).ok().filter(|text| parse::is_fixed(text))?;
        parse_time(text, &parse::LENIENT).ok()
    })
}

/// Reads a stored time with its zone; `None` for a value that is none.
#[must_use]
pub fn read_timetz(value: ValueRef<'_>) -> Option<TimeTz> {
    let ValueRef::Text(text) = value else { return None };
    let text = std::str::from_utf8(text).ok().filter(|text| parse::is_fixed(text))?;
    parse_timetz(text, &parse::LENIENT).ok()
}

/// The stored form of a timestamp.
#[must_use]
pub fn to_value(us: i64, storage: Storage) -> super::Value {
    use super::Value;
    let number = |unit: i64| match us % unit {
        0 => Value::Integer(us / unit),
        _ => Value::Real(us as f64 / unit as f64),
    };
    match storage {
        _ if is_infinite(us) => Value::Text(stored_timestamp(us)),
        Storage::Native | Storage::Shown(_) | Storage::Row => Value::Text(stored_timestamp(us)),
        Storage::UnixSeconds => number(SECOND),
        Storage::UnixMillis => number(1000),
        Storage::UnixMicros => Value::Integer(us),
        Storage::JulianDay => Value::Real(us as f64 / DAY as f64 + f64::from(JULIAN_1970) - 0.5),
    }
}

fn from_number(number: i64, storage: Storage) -> Option<i64> {
    match storage {
        Storage::Native | Storage::Shown(_) | Storage::Row => None,
        Storage::UnixSeconds => number.checked_mul(SECOND),
        Storage::UnixMillis => number.checked_mul(1000),
        Storage::UnixMicros => Some(number),
        Storage::JulianDay => from_real(number as f64, storage),
    }
}

fn from_real(number: f64, storage: Storage) -> Option<i64> {
    let us = match storage {
        Storage::Native | Storage::Shown(_) | Storage::Row => return None,
        Storage::UnixSeconds => number * SECOND as f64,
        Storage::UnixMillis => number * 1000.0,
        Storage::UnixMicros => number,
        // A double holds a Julian day to about 40 us, so SQLite itself counts in milliseconds.
        Storage::JulianDay => {
            ((number - f64::from(JULIAN_1970) + 0.5) * 86_400_000.0).round() * 1000.0
        }
    };
    (us.is_finite() && us.abs() < 9.2e18).then(|| us.round() as i64)
}
