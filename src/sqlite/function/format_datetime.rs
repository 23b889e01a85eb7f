//! `to_char` for timestamps and intervals.
//! <https://www.postgresql.org/docs/15/functions-formatting.html>

use super::datetime::{interval, session_zone, timestamp, timestamptz};
use super::template::{Case, Mark, Piece, ordinal_suffix, pieces};
use super::{Args, Flags, Function, Outcome, text};
use crate::sqlite::host::FunctionError;
use crate::types::datetime::{self, Civil, DAY, Field, HOUR, JULIAN_1970, MINUTE, SECOND, zone};
use crate::types::{Interval, Value};

pub(super) const FUNCTIONS: &[Function] = &[
    ("pg_to_char_timestamp", 2, Flags::PURE, |a| shown(a, timestamp(a, 0)?, None)),
    ("pg_to_char_timestamptz", 2, Flags::STABLE, |a| {
        let (us, zone) = (timestamptz(a, 0)?, session_zone(a)?);
        let name = (zone::abbreviation_at(us, &zone), zone::offset_at(us, &zone));
        shown(a, zone::to_local(us, &zone), Some(name))
    }),
    ("pg_to_char_interval", 2, Flags::PURE, |a| {
        text(render(&a.text(1)?, &Moment::of_interval(interval(a, 0)?))?)
    }),
];

type Result<T> = std::result::Result<T, FunctionError>;

/// A zone's abbreviation and its offset, seconds east.
type Zone = (String, i32);

fn shown(args: &Args<'_>, us: i64, zone: Option<Zone>) -> Outcome {
    if datetime::is_infinite(us) {
        return Ok(Value::Null);
    }
    text(format(&args.text(1)?, us, zone)?)
}

/// A wall clock's time by a template.
pub(super) fn format(template: &str, us: i64, zone: Option<Zone>) -> Result<String> {
    render(template, &Moment::of_timestamp(us, zone)?)
}

/// What the fields show.
struct Moment {
    is_interval: bool,
    year: i64,
    month: i64,
    day: i64,
    /// Microseconds within the day; of an interval, all of its time.
    time: i64,
    weekday: i64,
    day_of_year: i64,
    julian: i64,
    iso: (i64, i64, i64),
    zone: Option<Zone>,
}

impl Moment {
    fn of_timestamp(us: i64, zone: Option<Zone>) -> Result<Self> {
        let civil = Civil::of(us);
        let days = us.div_euclid(DAY);
        let field = |field| -> Result<i64> {
            let found = datetime::extract_timestamp(field, us)?;
            Ok(found.and_then(|number| number.to_i64()).unwrap_or(0))
        };
        let iso_week = field(Field::Week)?;
        let iso_day = field(Field::IsoDayOfWeek)?;
        Ok(Self {
            is_interval: false,
            year: i64::from(civil.year),
            month: i64::from(civil.month),
            day: i64::from(civil.day),
            time: civil.time,
            weekday: datetime::day_of_week(days),
            day_of_year: field(Field::DayOfYear)?,
            julian: days + i64::from(JULIAN_1970),
            iso: (field(Field::IsoYear)?, iso_week, (iso_week - 1) * 7 + iso_day),
            zone,
        })
    }

    fn of_interval(value: Interval) -> Self {
        let (months, days) = (i64::from(value.months), i64::from(value.days));
        Self {
            is_interval: true,
            year: months / 12,
            month: months % 12,
            day: days,
            time: value.micros,
            weekday: 0,
            day_of_year: months * 30 + days,
            julian: 0,
            iso: (months / 12, 0, 0),
            zone: None,
        }
    }

    /// Years before Christ count back from 1.
    fn shown_year(&self, year: i64) -> i64 {
        if year > 0 || self.is_interval { year } else { 1 - year }
    }

    fn hour(&self) -> i64 {
        self.time / HOUR
    }

    fn century(&self) -> i64 {
        if self.is_interval {
            self.year / 100
        } else if self.year > 0 {
            (self.year - 1) / 100 + 1
        } else {
            self.year / 100 - 1
        }
    }
}

fn render(template: &str, moment: &Moment) -> Result<String> {
    let mut out = String::with_capacity(template.len() * 2);
    for piece in pieces(template) {
        match piece {
            Piece::Text(c) | Piece::Separator(c) => out.push(c),
            Piece::Field(mark) => field(&mut out, mark, moment)?,
        }
    }
    Ok(out)
}

fn field(out: &mut String, mark: Mark, m: &Moment) -> Result<()> {
    if let Some((number, width)) = numeric_field(mark.name, m) {
        write_number(out, mark, number, width);
    } else if let Some(word) = word_field(mark, m)? {
        out.push_str(&word);
    }
    Ok(())
}

/// Zeros to the width unless FM; a minus takes no part of it.
fn write_number(out: &mut String, mark: Mark, number: i64, width: usize) {
    let width = if mark.fill { 0 } else { width + usize::from(number < 0) };
    let digits = format!("{number:0width$}");
    out.push_str(&digits);
    if let Some(case) = mark.ordinal {
        out.push_str(ordinal_suffix(&digits, case));
    }
}

/// The number a field shows and its width.
fn numeric_field(name: &str, m: &Moment) -> Option<(i64, usize)> {
    let second = m.time % MINUTE;
    let fraction = m.time % SECOND;
    let iso_year = if m.iso.0 > 0 || m.is_interval { m.iso.0 } else { -m.iso.0 };
    let year = m.shown_year(m.year);
    Some(match name {
        "HH24" => (m.hour(), 2),
        "HH12" | "HH" => (if m.hour() % 12 == 0 { 12 } else { m.hour() % 12 }, 2),
        "MI" => (m.time / MINUTE % 60, 2),
        "SS" => (second / SECOND, 2),
        "MS" | "FF3" => (fraction / 1000, 3),
        "US" | "FF6" => (fraction, 6),
        "FF1" => (fraction / 100_000, 1),
        "FF2" => (fraction / 10_000, 2),
        "FF4" => (fraction / 100, 4),
        "FF5" => (fraction / 10, 5),
        "SSSSS" | "SSSS" => (m.time / SECOND, 0),
        "YYYY" => (year, 4),
        "YYY" => (year % 1000, 3),
        "YY" => (year % 100, 2),
        "Y" => (year % 10, 1),
        "IYYY" => (iso_year, 4),
        "IYY" => (iso_year % 1000, 3),
        "IY" => (iso_year % 100, 2),
        "I" => (iso_year % 10, 1),
        "MM" => (m.month, 2),
        "DDD" => (m.day_of_year, 3),
        "IDDD" => (m.iso.2, 3),
        "DD" => (m.day, 2),
        "D" => (m.weekday + 1, 1),
        "ID" => (if m.weekday == 0 { 7 } else { m.weekday }, 1),
        "WW" => ((m.day_of_year - 1) / 7 + 1, 2),
        "IW" => (m.iso.1, 2),
        "W" => ((m.day - 1) / 7 + 1, 1),
        "Q" if m.month > 0 => ((m.month - 1) / 3 + 1, 1),
        "CC" => (m.century(), 2),
        "J" => (m.julian, 0),
        _ => return None,
    })
}

pub(super) const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];

pub(super) const DAYS: [&str; 7] =
    ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"];

/// Months from December back, as Postgres's table has them.
const ROMAN: [&str; 12] =
    ["I", "II", "III", "IV", "V", "VI", "VII", "VIII", "IX", "X", "XI", "XII"];

/// Fields of a calendar, which an interval has not.
const NOT_OF_INTERVALS: &[&str] =
    &["TZ", "TZH", "TZM", "OF", "MONTH", "MON", "DAY", "DY", "AD", "BC", "A.D.", "B.C."];

fn word_field(mark: Mark, m: &Moment) -> Result<Option<String>> {
    let month = usize::try_from(m.month - 1).ok();
    let day = usize::try_from(m.weekday).ok().and_then(|day| DAYS.get(day)).copied();
    Ok(Some(match mark.name {
        "AM" | "PM" => cased(if m.hour() % 24 >= 12 { "PM" } else { "AM" }, mark.case),
        "A.M." | "P.M." => cased(if m.hour() % 24 >= 12 { "P.M." } else { "A.M." }, mark.case),
        name if m.is_interval && NOT_OF_INTERVALS.contains(&name) => {
            let message = "invalid format specification for an interval value";
            return Err(FunctionError::new("22007", message));
        }
        "AD" | "BC" => cased(if m.year > 0 { "AD" } else { "BC" }, mark.case),
        "A.D." | "B.C." => cased(if m.year > 0 { "A.D." } else { "B.C." }, mark.case),
        "Y,YYY" => {
            let year = m.shown_year(m.year);
            format!("{},{:03}", year / 1000, year % 1000)
        }
        "MONTH" | "MON" => {
            let Some(name) = month.and_then(|month| MONTHS.get(month)) else { return Ok(None) };
            if mark.name == "MON" { cased(&name[..3], mark.case) } else { padded(name, mark, 9) }
        }
        "DAY" => padded(day.unwrap_or_default(), mark, 9),
        "DY" => cased(day.and_then(|day| day.get(..3)).unwrap_or_default(), mark.case),
        "RM" => {
            let Some(roman) = month.and_then(|month| ROMAN.get(month)) else { return Ok(None) };
            padded(roman, mark, 4)
        }
        "TZ" => m.zone.as_ref().map_or_else(String::new, |(name, _)| cased(name, mark.case)),
        "TZH" => m.zone.as_ref().map_or_else(String::new, |(_, offset)| {
            format!("{}{:02}", sign(*offset), offset.abs() / 3600)
        }),
        "TZM" => m
            .zone
            .as_ref()
            .map_or_else(String::new, |(_, offset)| format!("{:02}", offset.abs() / 60 % 60)),
        "OF" => offset(m.zone.as_ref().map_or(0, |(_, offset)| *offset)),
        _ => return Ok(None),
    }))
}

fn sign(offset: i32) -> char {
    if offset < 0 { '-' } else { '+' }
}

fn offset(seconds: i32) -> String {
    let minutes = seconds.abs() / 60;
    let hours = format!("{}{:02}", sign(seconds), minutes / 60);
    if minutes % 60 == 0 { hours } else { format!("{hours}:{:02}", minutes % 60) }
}

fn cased(word: &str, case: Case) -> String {
    match case {
        Case::Upper => word.to_uppercase(),
        Case::Lower => word.to_lowercase(),
        Case::Capital => word.to_owned(),
    }
}

fn padded(word: &str, mark: Mark, width: usize) -> String {
    let shown = cased(word, mark.case);
    if mark.fill { shown } else { format!("{shown:width$}") }
}
