//! EXTRACT and `date_part`: the fields of dates, times and intervals.
//! <https://www.postgresql.org/docs/15/functions-datetime.html#FUNCTIONS-DATETIME-EXTRACT>

use super::{
    Civil, DATE_INFINITY, DATE_NEG_INFINITY, DAY, HOUR, INFINITY, JULIAN_1970, MINUTE, SECOND,
    TimeTz, civil_from_days, day_of_week, days_from_civil, is_infinite, zone,
};
use crate::types::{Error, Interval, Numeric};
use jiff::tz::TimeZone;

/// A field of EXTRACT or `date_trunc`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "each is the field of its name")]
pub enum Field {
    Microsecond,
    Millisecond,
    Second,
    Minute,
    Hour,
    Day,
    Week,
    Month,
    Quarter,
    Year,
    Decade,
    Century,
    Millennium,
    DayOfWeek,
    IsoDayOfWeek,
    DayOfYear,
    IsoYear,
    Epoch,
    Julian,
    Timezone,
    TimezoneHour,
    TimezoneMinute,
}

impl Field {
    /// Reads a field's name, in any case, singular or plural.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        let lower = name.trim().to_ascii_lowercase();
        NAMES.iter().find(|(_, names)| names.contains(&lower.as_str())).map(|(field, _)| *field)
    }

    /// [`Field::from_name`], or the error Postgres gives.
    ///
    /// # Errors
    /// Nobody knows the field.
    pub fn parse(name: &str, ty: &'static str) -> Result<Self, Error> {
        let unknown = || Error::UnknownUnit { unit: name.to_ascii_lowercase(), ty };
        Self::from_name(name).ok_or_else(unknown)
    }

    pub(super) fn unsupported(self, ty: &'static str) -> Error {
        Error::UnsupportedUnit { unit: self.name().to_owned(), ty }
    }

    /// `date_trunc` knows the zone's fields by name and the others not at all.
    pub(super) fn no_truncation(self, ty: &'static str) -> Error {
        match self {
            Self::Timezone | Self::TimezoneHour | Self::TimezoneMinute => self.unsupported(ty),
            _ => Error::UnknownUnit { unit: self.name().to_owned(), ty },
        }
    }

    fn name(self) -> &'static str {
        let names = NAMES.iter().find(|(field, _)| *field == self).map(|(_, names)| *names);
        names.and_then(|names| names.first()).copied().unwrap_or_default()
    }
}

/// The field of a timestamp.
///
/// # Errors
/// A timestamp has no such field.
pub fn extract_timestamp(field: Field, us: i64) -> Result<Option<Numeric>, Error> {
    const TY: &str = "timestamp without time zone";
    if is_infinite(us) {
        return infinite(field, us == INFINITY, TY);
    }
    let civil = Civil::of(us);
    let days = us.div_euclid(DAY);
    if let Some(number) = time_field(field, civil.time).or_else(|| date_field(field, days)) {
        return Ok(Some(number));
    }
    match field {
        Field::Epoch => Ok(Some(Numeric::scaled(i128::from(us), 6))),
        Field::Julian => julian(days, civil.time).map(Some),
        _ => Err(field.unsupported(TY)),
    }
}

/// The field of a moment as a zone shows it.
///
/// # Errors
/// A timestamp has no such field.
pub fn extract_timestamptz(
    field: Field,
    us: i64,
    zone: &TimeZone,
) -> Result<Option<Numeric>, Error> {
    const TY: &str = "timestamp with time zone";
    if is_infinite(us) {
        return infinite(field, us == INFINITY, TY);
    }
    if field == Field::Epoch {
        return Ok(Some(Numeric::scaled(i128::from(us), 6)));
    }
    if let Some(number) = zone_field(field, zone::offset_at(us, zone)) {
        return Ok(Some(number));
    }
    extract_timestamp(field, zone::to_local(us, zone))
}

/// The field of a date.
///
/// # Errors
/// A date has no such field.
pub fn extract_date(field: Field, days: i32) -> Result<Option<Numeric>, Error> {
    if days == DATE_INFINITY || days == DATE_NEG_INFINITY {
        return infinite(field, days == DATE_INFINITY, "date");
    }
    let days = i64::from(days);
    match field {
        Field::Epoch => Ok(Some(Numeric::from(days * 86_400))),
        Field::Julian => Ok(Some(Numeric::from(days + i64::from(JULIAN_1970)))),
        _ => date_field(field, days).map(Some).ok_or_else(|| field.unsupported("date")),
    }
}

/// The field of a time of day.
///
/// # Errors
/// A time has no such field.
pub fn extract_time(field: Field, time: i64) -> Result<Option<Numeric>, Error> {
    match field {
        Field::Epoch => Ok(Some(Numeric::scaled(i128::from(time), 6))),
        _ => time_field(field, time)
            .map(Some)
            .ok_or_else(|| field.unsupported("time without time zone")),
    }
}

/// The field of a time with its zone.
///
/// # Errors
/// A time has no such field.
pub fn extract_timetz(field: Field, value: TimeTz) -> Result<Option<Numeric>, Error> {
    if field == Field::Epoch {
        let utc = value.time - i64::from(value.offset) * SECOND;
        return Ok(Some(Numeric::scaled(i128::from(utc), 6)));
    }
    time_field(field, value.time)
        .or_else(|| zone_field(field, value.offset))
        .map(Some)
        .ok_or_else(|| field.unsupported("time with time zone"))
}

/// The field of an interval.
///
/// # Errors
/// An interval has no such field.
pub fn extract_interval(field: Field, value: Interval) -> Result<Option<Numeric>, Error> {
    let years = i64::from(value.months / 12);
    let months = i64::from(value.months % 12);
    Ok(Some(match field {
        Field::Microsecond | Field::Millisecond | Field::Second => {
            seconds(field, value.micros % MINUTE)
        }
        Field::Minute => Numeric::from(value.micros / MINUTE % 60),
        Field::Hour => Numeric::from(value.micros / HOUR),
        Field::Day => Numeric::from(i64::from(value.days)),
        Field::Month => Numeric::from(months),
        Field::Quarter => Numeric::from(months / 3 + 1),
        Field::Year => Numeric::from(years),
        Field::Decade => Numeric::from(years / 10),
        Field::Century => Numeric::from(years / 100),
        Field::Millennium => Numeric::from(years / 1000),
        // A year counts 365.25 days, a month 30.
        Field::Epoch => Numeric::scaled(
            i128::from(years) * 31_557_600_000_000
                + (i128::from(months) * 30 + i128::from(value.days)) * i128::from(DAY)
                + i128::from(value.micros),
            6,
        ),
        _ => return Err(field.unsupported("interval")),
    }))
}

/// Fields that only grow are infinite, the others unknown.
fn infinite(field: Field, positive: bool, ty: &'static str) -> Result<Option<Numeric>, Error> {
    match field {
        Field::Year
        | Field::Decade
        | Field::Century
        | Field::Millennium
        | Field::IsoYear
        | Field::Epoch
        | Field::Julian => Ok(Some(Numeric::infinity(positive))),
        Field::Timezone
        | Field::TimezoneHour
        | Field::TimezoneMinute
        | Field::Microsecond
        | Field::Millisecond
        | Field::Second
        | Field::Minute
        | Field::Hour
            if ty == "date" =>
        {
            Err(field.unsupported(ty))
        }
        _ => Ok(None),
    }
}

fn time_field(field: Field, time: i64) -> Option<Numeric> {
    match field {
        Field::Microsecond | Field::Millisecond | Field::Second => {
            Some(seconds(field, time % MINUTE))
        }
        Field::Minute => Some(Numeric::from(time / MINUTE % 60)),
        Field::Hour => Some(Numeric::from(time / HOUR)),
        _ => None,
    }
}

fn seconds(field: Field, us: i64) -> Numeric {
    match field {
        Field::Microsecond => Numeric::from(us),
        Field::Millisecond => Numeric::scaled(i128::from(us), 3),
        _ => Numeric::scaled(i128::from(us), 6),
    }
}

fn date_field(field: Field, days: i64) -> Option<Numeric> {
    let (year, month, day) = civil_from_days(days);
    let year = i64::from(year);
    // There is no year 0: the year before 1 is -1.
    let shown = if year > 0 { year } else { year - 1 };
    let group = |size: i64| if year > 0 { (year - 1) / size + 1 } else { -((-year) / size + 1) };
    Some(Numeric::from(match field {
        Field::Day => i64::from(day),
        Field::Week => iso_week(days).1,
        Field::Month => i64::from(month),
        Field::Quarter => i64::from((month - 1) / 3 + 1),
        Field::Year => shown,
        Field::Decade => year.div_euclid(10),
        Field::Century => group(100),
        Field::Millennium => group(1000),
        Field::DayOfWeek => day_of_week(days),
        Field::IsoDayOfWeek => (day_of_week(days) + 6) % 7 + 1,
        Field::DayOfYear => days - days_from_civil(year as i32, 1, 1) + 1,
        Field::IsoYear => {
            let (iso, _) = iso_week(days);
            if iso > 0 { iso } else { iso - 1 }
        }
        _ => return None,
    }))
}

/// The ISO 8601 year (astronomical) and week of a day.
fn iso_week(days: i64) -> (i64, i64) {
    let thursday = days - (day_of_week(days) + 6) % 7 + 3;
    let (year, _, _) = civil_from_days(thursday);
    (i64::from(year), (thursday - days_from_civil(year, 1, 1)) / 7 + 1)
}

fn zone_field(field: Field, offset: i32) -> Option<Numeric> {
    let offset = i64::from(offset);
    match field {
        Field::Timezone => Some(Numeric::from(offset)),
        Field::TimezoneHour => Some(Numeric::from(offset / 3600)),
        Field::TimezoneMinute => Some(Numeric::from(offset / 60 % 60)),
        _ => None,
    }
}

/// The Julian day with its fraction.
fn julian(days: i64, time: i64) -> Result<Numeric, Error> {
    let fraction = Numeric::from(time).div(&Numeric::from(DAY))?;
    Ok(Numeric::from(days + i64::from(JULIAN_1970)).add(&fraction))
}

const NAMES: &[(Field, &[&str])] = &[
    (Field::Microsecond, &["microseconds", "microsecond", "us", "usec", "usecs", "microsecon"]),
    (Field::Millisecond, &["milliseconds", "millisecond", "ms", "msec", "msecs", "millisecon"]),
    (Field::Second, &["second", "seconds", "s", "sec", "secs"]),
    (Field::Minute, &["minute", "minutes", "m", "min", "mins"]),
    (Field::Hour, &["hour", "hours", "h", "hr", "hrs"]),
    (Field::Day, &["day", "days", "d"]),
    (Field::Week, &["week", "weeks", "w"]),
    (Field::Month, &["month", "months", "mon", "mons"]),
    (Field::Quarter, &["quarter", "qtr"]),
    (Field::Year, &["year", "years", "y", "yr", "yrs"]),
    (Field::Decade, &["decade", "decades", "dec", "decs"]),
    (Field::Century, &["century", "centuries", "cent", "c"]),
    (Field::Millennium, &["millennium", "millennia", "mil", "mils"]),
    (Field::DayOfWeek, &["dow"]),
    (Field::IsoDayOfWeek, &["isodow"]),
    (Field::DayOfYear, &["doy"]),
    (Field::IsoYear, &["isoyear"]),
    (Field::Epoch, &["epoch"]),
    (Field::Julian, &["julian", "jd", "j"]),
    (Field::Timezone, &["timezone"]),
    (Field::TimezoneHour, &["timezone_hour", "timezone_h"]),
    (Field::TimezoneMinute, &["timezone_minute", "timezone_m"]),
];
