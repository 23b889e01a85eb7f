//! Intervals: months, days and microseconds, each counted for itself.
//!
//! What enters: text in any of Postgres's styles. What leaves: the same.
//! <https://www.postgresql.org/docs/15/datatype-datetime.html#DATATYPE-INTERVAL-INPUT>

mod format;
mod parse;

use super::datetime::DAY;
use super::style::IntervalStyle;
use super::{Error, ValueRef};
use std::cmp::Ordering;

/// An interval.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Interval {
    /// Months; twelve are a year.
    pub months: i32,
    /// Days, of whatever length the calendar gives them.
    pub days: i32,
    /// Microseconds.
    pub micros: i64,
}

const RANGE: Error = Error::DatetimeRange { ty: "interval", text: None };

impl Interval {
    /// Reads the text of an interval.
    ///
    /// # Errors
    /// The text is no interval, or one out of range.
    pub fn parse(text: &str) -> Result<Self, Error> {
        parse::interval(text)
    }

    /// Reads a stored interval; `None` for a value that is none.
    #[must_use]
    pub fn from_value(value: ValueRef<'_>) -> Option<Self> {
        match value {
            ValueRef::Text(text) => Self::parse(std::str::from_utf8(text).ok()?).ok(),
            _ => None,
        }
    }

    /// Writes it in a style.
    pub fn write(self, out: &mut Vec<u8>, style: IntervalStyle) {
        format::write(out, self, style);
    }

    /// The stored form: Postgres's own style.
    #[must_use]
    pub fn stored(self) -> String {
        let mut out = Vec::with_capacity(32);
        self.write(&mut out, IntervalStyle::Postgres);
        String::from_utf8_lossy(&out).into_owned()
    }

    /// The sum.
    ///
    /// # Errors
    /// It is out of range.
    #[expect(clippy::should_implement_trait, reason = "it can fail")]
    pub fn add(self, other: Self) -> Result<Self, Error> {
        let months = self.months.checked_add(other.months);
        let days = self.days.checked_add(other.days);
        let micros = self.micros.checked_add(other.micros);
        match (months, days, micros) {
            (Some(months), Some(days), Some(micros)) => Ok(Self { months, days, micros }),
            _ => Err(RANGE),
        }
    }

    /// The difference.
    ///
    /// # Errors
    /// It is out of range.
    #[expect(clippy::should_implement_trait, reason = "it can fail")]
    pub fn sub(self, other: Self) -> Result<Self, Error> {
        self.add(other.negated()?)
    }

    /// The sign of each part turned.
    ///
    /// # Errors
    /// A part has no opposite.
    pub fn negated(self) -> Result<Self, Error> {
        match (self.months.checked_neg(), self.days.checked_neg(), self.micros.checked_neg()) {
            (Some(months), Some(days), Some(micros)) => Ok(Self { months, days, micros }),
            _ => Err(RANGE),
        }
    }

    /// `interval * factor`; fractions of months become days of 30 to the month, those of days time.
    ///
    /// # Errors
    /// The product is out of range.
    pub fn scaled(self, factor: f64) -> Result<Self, Error> {
        self.map_parts(|part| part * factor)
    }

    /// `interval / divisor`
    ///
    /// # Errors
    /// The divisor is zero or the quotient out of range.
    pub fn divided(self, divisor: f64) -> Result<Self, Error> {
        if divisor == 0.0 {
            return Err(Error::DivisionByZero);
        }
        self.map_parts(|part| part / divisor)
    }

    fn map_parts(self, apply: impl Fn(f64) -> f64) -> Result<Self, Error> {
        // Rounding to microseconds keeps 0.1 and the like from losing one.
        let round = |x: f64| (x * 1e6).round() / 1e6;
        let months = apply(f64::from(self.months));
        let days = apply(f64::from(self.days));
        let month_days = round((months - months.trunc()) * 30.0);
        let mut seconds = round((days - days.trunc() + month_days - month_days.trunc()) * 86_400.0);
        let mut whole_days = days.trunc() + month_days.trunc();
        if seconds.abs() >= 86_400.0 {
            whole_days += (seconds / 86_400.0).trunc();
            seconds %= 86_400.0;
        }
        let micros = (apply(self.micros as f64) + seconds * 1e6).round_ties_even();
        Ok(Self {
            months: whole(months.trunc())?,
            days: whole(whole_days)?,
            micros: if micros.abs() < 9.2e18 { micros as i64 } else { return Err(RANGE) },
        })
    }

    /// `justify_hours`: 24 hours to a day.
    ///
    /// # Errors
    /// The days are out of range.
    pub fn justified_hours(self) -> Result<Self, Error> {
        let carry = i32::try_from(self.micros / DAY).map_err(|_overflow| RANGE)?;
        let mut days = self.days.checked_add(carry).ok_or(RANGE)?;
        let mut micros = self.micros % DAY;
        if days > 0 && micros < 0 {
            micros += DAY;
            days -= 1;
        } else if days < 0 && micros > 0 {
            micros -= DAY;
            days += 1;
        }
        Ok(Self { days, micros, ..self })
    }

    /// `justify_days`: 30 days to a month.
    ///
    /// # Errors
    /// The months are out of range.
    pub fn justified_days(self) -> Result<Self, Error> {
        let mut months = self.months.checked_add(self.days / 30).ok_or(RANGE)?;
        let mut days = self.days % 30;
        if months > 0 && days < 0 {
            days += 30;
            months -= 1;
        } else if months < 0 && days > 0 {
            days -= 30;
            months += 1;
        }
        Ok(Self { months, days, ..self })
    }

    /// `justify_interval`: both, with one sign for all parts.
    ///
    /// # Errors
    /// A part is out of range.
    pub fn justified(self) -> Result<Self, Error> {
        let total = self.total();
        let sign: i128 = if total < 0 { -1 } else { 1 };
        let magnitude = total.unsigned_abs();
        let day = u128::from(DAY.unsigned_abs());
        let part = |n: u128| {
            let signed = i128::try_from(n).map_or(0, |n| n * sign);
            i32::try_from(signed).map_err(|_overflow| RANGE)
        };
        Ok(Self {
            months: part(magnitude / (30 * day))?,
            days: part(magnitude / day % 30)?,
            micros: i64::try_from(magnitude % day).map_err(|_overflow| RANGE)? * sign as i64,
        })
    }

    /// Microseconds with 30 days to a month and 24 hours to a day, as comparison counts.
    #[must_use]
    pub fn total(self) -> i128 {
        let days = i128::from(self.months) * 30 + i128::from(self.days);
        days * i128::from(DAY) + i128::from(self.micros)
    }

    /// Order, where 30 days equal a month; unlike `==`, which compares parts.
    #[must_use]
    pub fn compare(self, other: Self) -> Ordering {
        self.total().cmp(&other.total())
    }
}

fn whole(number: f64) -> Result<i32, Error> {
    let fits = (f64::from(i32::MIN)..=f64::from(i32::MAX)).contains(&number);
    if fits { Ok(number as i32) } else { Err(RANGE) }
}
