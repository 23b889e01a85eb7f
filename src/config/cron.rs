//! A cron expression in, the next time it names out; all times are UTC.
//!
//! | field | values |
//! | --- | --- |
//! | minute | 0-59 |
//! | hour | 0-23 |
//! | day of the month | 1-31 |
//! | month | 1-12 |
//! | day of the week | 0-7, 0 and 7 are Sunday |
//!
//! A field is `*`, a number, a range `a-b`, any of these with a step `/n`, or a list of them. Where both
//! days are restricted, either is enough, as in every cron. `@hourly`, `@daily`, `@weekly` and
//! `@monthly` stand for what they say.

use jiff::civil::Date;
use jiff::tz::Offset;
use jiff::{Timestamp, ToSpan};
use std::str::FromStr;

/// When something is done, again and again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Schedule {
    minutes: u64,
    hours: u64,
    days: u64,
    months: u64,
    weekdays: u64,
    any_day: bool,
    any_weekday: bool,
}

/// Why a text is no cron expression.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "\"{0}\" is no cron expression: give five fields, as \"0 * * * *\" for every hour, or @hourly"
)]
pub struct BadSchedule(String);

/// Further ahead there is nothing that a calendar has not had before.
const DAYS_MAX: usize = 8 * 366;

impl FromStr for Schedule {
    type Err = BadSchedule;

    fn from_str(text: &str) -> Result<Self, BadSchedule> {
        let expression = match text.trim() {
            "@hourly" => "0 * * * *",
            "@daily" => "0 0 * * *",
            "@weekly" => "0 0 * * 0",
            "@monthly" => "0 0 1 * *",
            other => other,
        };
        parse(expression).ok_or_else(|| BadSchedule(text.to_owned()))
    }
}

fn parse(expression: &str) -> Option<Schedule> {
    let fields: Vec<_> = expression.split_whitespace().collect();
    let [minute, hour, day, month, weekday] = fields.as_slice() else { return None };
    let weekdays = field(weekday, 0, 7)?;
    Some(Schedule {
        minutes: field(minute, 0, 59)?,
        hours: field(hour, 0, 23)?,
        days: field(day, 1, 31)?,
        months: field(month, 1, 12)?,
        // Both ends of the week are Sunday.
        weekdays: weekdays | weekdays >> 7,
        any_day: day.starts_with('*'),
        any_weekday: weekday.starts_with('*'),
    })
}

/// A bit for each value.
fn field(text: &str, min: u32, max: u32) -> Option<u64> {
    text.split(',').try_fold(0, |bits, part| Some(bits | values(part, min, max)?))
}

fn values(part: &str, min: u32, max: u32) -> Option<u64> {
    let (range, step) = match part.split_once('/') {
        Some((range, step)) => (range, Some(step.parse::<usize>().ok().filter(|step| *step > 0)?)),
        None => (part, None),
    };
    let (from, to) = match range.split_once('-') {
        _ if range == "*" => (min, max),
        Some((from, to)) => (from.parse().ok()?, to.parse().ok()?),
        None => {
            let from = range.parse().ok()?;
            (from, if step.is_some() { max } else { from })
        }
    };
    let valid = min <= from && from <= to && to <= max;
    let each = (from..=to).step_by(step.unwrap_or(1));
    valid.then(|| each.fold(0, |bits, value| bits | 1 << value))
}

impl Schedule {
    /// The first time after one, in milliseconds since 1970; none if there is never one, as on the
    /// 30th of February.
    #[must_use]
    pub fn next_after(&self, time_ms: i64) -> Option<i64> {
        let minute_ms = 60_000;
        let from = time_ms.div_euclid(minute_ms).checked_add(1)?.checked_mul(minute_ms)?;
        let start = Offset::UTC.to_datetime(Timestamp::from_millisecond(from).ok()?);
        let (mut date, mut first) = (start.date(), (start.hour(), start.minute()));
        for _ in 0..DAYS_MAX {
            if self.has_day(date)
                && let Some((hour, minute)) = self.time_from(first)
            {
                let time = Offset::UTC.to_timestamp(date.at(hour, minute, 0, 0)).ok()?;
                return Some(time.as_millisecond());
            }
            (date, first) = (date.checked_add(1.day()).ok()?, (0, 0));
        }
        None
    }

    fn has_day(&self, date: Date) -> bool {
        let day = has(self.days, date.day());
        let weekday = has(self.weekdays, date.weekday().to_sunday_zero_offset());
        let either = match (self.any_day, self.any_weekday) {
            (false, false) => day || weekday,
            _ => day && weekday,
        };
        has(self.months, date.month()) && either
    }

    /// The first time of a day not before one.
    fn time_from(&self, (hour, minute): (i8, i8)) -> Option<(i8, i8)> {
        (hour..24).filter(|h| has(self.hours, *h)).find_map(|h| {
            let from = if h == hour { minute } else { 0 };
            (from..60).find(|m| has(self.minutes, *m)).map(|m| (h, m))
        })
    }
}

fn has(bits: u64, value: i8) -> bool {
    bits >> value & 1 == 1
}

#[cfg(test)]
mod tests {
    use super::*;

    fn next(expression: &str, after: &str) -> String {
        let schedule: Schedule = expression.parse().unwrap();
        let after: Timestamp = after.parse().unwrap();
        match schedule.next_after(after.as_millisecond()) {
            Some(ms) => Timestamp::from_millisecond(ms).unwrap().to_string(),
            None => "never".to_owned(),
        }
    }

    #[test]
    fn times() {
        let cases = [
            ("* * * * *", "2026-01-31T12:00:00Z", "2026-01-31T12:01:00Z"),
            ("0 * * * *", "2026-01-31T12:00:00Z", "2026-01-31T13:00:00Z"),
            ("0 * * * *", "2026-01-31T23:59:59.9Z", "2026-02-01T00:00:00Z"),
            ("@hourly", "2026-12-31T23:00:01Z", "2027-01-01T00:00:00Z"),
            ("*/15 8-17 * * *", "2026-01-31T17:45:00Z", "2026-02-01T08:00:00Z"),
            ("5,35 0 * * *", "2026-01-31T00:05:00Z", "2026-01-31T00:35:00Z"),
            ("30 2 29 2 *", "2026-01-31T00:00:00Z", "2028-02-29T02:30:00Z"),
            ("0 0 * * 7", "2026-01-31T00:00:00Z", "2026-02-01T00:00:00Z"),
            ("0 0 13 * 5", "2026-02-01T00:00:00Z", "2026-02-06T00:00:00Z"),
            ("0 0 1 * *", "2026-02-01T00:00:00Z", "2026-03-01T00:00:00Z"),
            ("0 0 30 2 *", "2026-02-01T00:00:00Z", "never"),
            ("10/20 * * * *", "2026-02-01T00:31:00Z", "2026-02-01T00:50:00Z"),
        ];
        for (expression, after, expected) in cases {
            assert_eq!(next(expression, after), expected, "{expression}");
        }
    }

    #[test]
    fn what_is_no_expression() {
        for text in [
            "",
            "* * * *",
            "* * * * * *",
            "60 * * * *",
            "* 24 * * *",
            "* * 0 * *",
            "* * * 13 *",
            "* * * * 8",
            "5-1 * * * *",
            "*/0 * * * *",
            "a * * * *",
            "1- * * * *",
            "@never",
            "-1 * * * *",
            "* * * * mon",
        ] {
            let error = text.parse::<Schedule>().unwrap_err().to_string();
            assert!(error.contains("no cron expression"), "{text}");
        }
    }
}
