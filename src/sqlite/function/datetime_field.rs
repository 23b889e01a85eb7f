//! Fields of dates and times: taken out, cut off, put together.
//! <https://www.postgresql.org/docs/15/functions-datetime.html#FUNCTIONS-DATETIME-EXTRACT>

use super::datetime::{
    date, day, interval, midnight, moment, session_zone, span, time, timestamp, timestamptz,
    timetz, today,
};
use super::{Args, Flags, Function, Outcome, boolean, text};
use crate::sqlite::host::FunctionError;
use crate::types::datetime::{self, DAY, Field, HOUR, MINUTE, SECOND, zone};
use crate::types::{Error, Interval, Numeric, Value};

pub(super) const FUNCTIONS: &[Function] = &[
    ("pg_extract_date", 2, Flags::PURE, |a| number(extract_date(a)?)),
    ("pg_extract_time", 2, Flags::PURE, |a| number(extract_time(a)?)),
    ("pg_extract_timetz", 2, Flags::PURE, |a| number(extract_timetz(a)?)),
    ("pg_extract_timestamp", 2, Flags::PURE, |a| number(extract_timestamp(a)?)),
    ("pg_extract_timestamptz", 2, Flags::STABLE, |a| number(extract_timestamptz(a)?)),
    ("pg_extract_interval", 2, Flags::PURE, |a| number(extract_interval(a)?)),
    // date_part on a date works on its midnight, so it has the time's fields too.
    ("pg_date_part_date", 2, Flags::PURE, |a| {
        let field = field(a, TIMESTAMP)?;
        float(datetime::extract_timestamp(field, midnight(a, 1)?)?)
    }),
    ("pg_date_part_time", 2, Flags::PURE, |a| float(extract_time(a)?)),
    ("pg_date_part_timetz", 2, Flags::PURE, |a| float(extract_timetz(a)?)),
    ("pg_date_part_timestamp", 2, Flags::PURE, |a| float(extract_timestamp(a)?)),
    ("pg_date_part_timestamptz", 2, Flags::STABLE, |a| float(extract_timestamptz(a)?)),
    ("pg_date_part_interval", 2, Flags::PURE, |a| float(extract_interval(a)?)),
    ("pg_date_trunc_timestamp", 2, Flags::PURE, |a| {
        moment(datetime::trunc(field(a, TIMESTAMP)?, timestamp(a, 1)?)?)
    }),
    ("pg_date_trunc_timestamptz", -1, Flags::STABLE, trunc_timestamptz),
    ("pg_date_trunc_interval", 2, Flags::PURE, |a| trunc_interval(a)),
    ("pg_date_bin", 3, Flags::PURE, bin),
    ("pg_age", -1, Flags::STABLE, |a| {
        let (later, earlier) = if a.len() > 1 {
            (timestamp(a, 0)?, timestamp(a, 1)?)
        } else {
            (today(a)?, timestamp(a, 0)?)
        };
        span(datetime::age(later, earlier)?)
    }),
    ("pg_age_timestamptz", -1, Flags::STABLE, age_timestamptz),
    ("pg_justify_days", 1, Flags::PURE, |a| span(interval(a, 0)?.justified_days()?)),
    ("pg_justify_hours", 1, Flags::PURE, |a| span(interval(a, 0)?.justified_hours()?)),
    ("pg_justify_interval", 1, Flags::PURE, |a| span(interval(a, 0)?.justified()?)),
    ("pg_make_date", 3, Flags::PURE, |a| day(make_date(a)?)),
    ("pg_make_time", 3, Flags::PURE, |a| text(datetime::stored_time(make_time(a, 0)?))),
    ("pg_make_timestamp", 6, Flags::PURE, |a| moment(make_timestamp(a)?)),
    ("pg_make_timestamptz", -1, Flags::STABLE, make_timestamptz),
    ("pg_make_interval", -1, Flags::PURE, make_interval),
    ("pg_to_timestamp_epoch", 1, Flags::PURE, from_epoch),
    ("pg_overlaps_timestamp", 4, Flags::PURE_NULLS, |a| overlaps(a, timestamp_end)),
    ("pg_overlaps_timestamptz", 4, Flags::STABLE_NULLS, |a| overlaps(a, timestamptz_end)),
    ("pg_overlaps_time", 4, Flags::PURE_NULLS, |a| overlaps(a, time)),
];

const TIMESTAMP: &str = "timestamp without time zone";
const TIMESTAMPTZ: &str = "timestamp with time zone";
const INTERVAL: &str = "interval";

type Result<T> = std::result::Result<T, FunctionError>;

fn field(args: &Args<'_>, ty: &'static str) -> Result<Field> {
    Ok(Field::parse(&args.text(0)?, ty)?)
}

fn number(found: Option<Numeric>) -> Outcome {
    Ok(found.map_or(Value::Null, |number| number.to_value()))
}

fn float(found: Option<Numeric>) -> Outcome {
    Ok(found.map_or(Value::Null, |number| Value::Real(number.to_f64())))
}

fn extract_date(args: &Args<'_>) -> Result<Option<Numeric>> {
    Ok(datetime::extract_date(field(args, "date")?, date(args, 1)?)?)
}

fn extract_time(args: &Args<'_>) -> Result<Option<Numeric>> {
    Ok(datetime::extract_time(field(args, "time without time zone")?, time(args, 1)?)?)
}

fn extract_timetz(args: &Args<'_>) -> Result<Option<Numeric>> {
    Ok(datetime::extract_timetz(field(args, "time with time zone")?, timetz(args, 1)?)?)
}

fn extract_timestamp(args: &Args<'_>) -> Result<Option<Numeric>> {
    Ok(datetime::extract_timestamp(field(args, TIMESTAMP)?, timestamp(args, 1)?)?)
}

fn extract_timestamptz(args: &Args<'_>) -> Result<Option<Numeric>> {
    let (field, us) = (field(args, TIMESTAMPTZ)?, timestamptz(args, 1)?);
    Ok(datetime::extract_timestamptz(field, us, &session_zone(args)?)?)
}

fn extract_interval(args: &Args<'_>) -> Result<Option<Numeric>> {
    Ok(datetime::extract_interval(field(args, INTERVAL)?, interval(args, 1)?)?)
}

fn trunc_timestamptz(args: &Args<'_>) -> Outcome {
    let zone = if args.len() > 2 {
        super::datetime_cast::zone_argument(args, 2)?
    } else {
        session_zone(args)?
    };
    moment(datetime::trunc_tz(field(args, TIMESTAMPTZ)?, timestamptz(args, 1)?, &zone)?)
}

fn trunc_interval(args: &Args<'_>) -> Outcome {
    let (field, value) = (field(args, INTERVAL)?, interval(args, 1)?);
    let months = |unit: i32| Interval { months: value.months / unit * unit, ..Interval::default() };
    let micros = |unit: i64| Interval { micros: value.micros / unit * unit, ..value };
    span(match field {
        Field::Millennium => months(12_000),
        Field::Century => months(1200),
        Field::Decade => months(120),
        Field::Year => months(12),
        Field::Quarter => months(3),
        Field::Month => months(1),
        Field::Day => Interval { micros: 0, ..value },
        Field::Hour => micros(HOUR),
        Field::Minute => micros(MINUTE),
        Field::Second => micros(SECOND),
        Field::Millisecond => micros(1000),
        Field::Microsecond => value,
        Field::Week => {
            let message = "unit \"week\" not supported for type interval";
            return Err(FunctionError::new("0A000", message));
        }
        _ => {
            let unit = args.text(0)?.to_lowercase();
            return Err(Error::UnknownUnit { unit, ty: INTERVAL }.into());
        }
    })
}

fn bin(args: &Args<'_>) -> Outcome {
    let (stride, us, origin) = (interval(args, 0)?, timestamp(args, 1)?, timestamp(args, 2)?);
    if stride.months != 0 {
        let message = "timestamps cannot be binned into intervals containing months or years";
        return Err(FunctionError::new("0A000", message));
    }
    if stride.total() <= 0 {
        return Err(FunctionError::new("22008", "stride must be greater than zero"));
    }
    moment(datetime::bin(stride, us, origin)?)
}

fn age_timestamptz(args: &Args<'_>) -> Outcome {
    let zone = session_zone(args)?;
    let local = |i| Ok::<_, FunctionError>(zone::to_local(timestamptz(args, i)?, &zone));
    let (later, earlier) =
        if args.len() > 1 { (local(0)?, local(1)?) } else { (today(args)?, local(0)?) };
    span(datetime::age(later, earlier)?)
}

fn make_date(args: &Args<'_>) -> Result<i32> {
    let (year, month, day) = (args.int(0)?, args.int(1)?, args.int(2)?);
    let bad = || {
        let message = format!("date field value out of range: {year}-{month:02}-{day:02}");
        FunctionError::new("22008", message)
    };
    // There is no year 0: -1 is the year before 1.
    let astronomical = if year < 0 { year + 1 } else { year };
    let y = i32::try_from(astronomical).map_err(|_error| bad())?;
    let (m, d) =
        (u8::try_from(month).map_err(|_error| bad())?, u8::try_from(day).map_err(|_error| bad())?);
    let valid = year != 0 && (1..=12).contains(&m) && d >= 1 && d <= datetime::days_in_month(y, m);
    if !valid {
        return Err(bad());
    }
    let days = datetime::days_from_civil(y, m, d);
    let out_of_range = || {
        let message = format!("date out of range: {year}-{month:02}-{day:02}");
        FunctionError::new("22008", message)
    };
    let in_range = Some(days).filter(|days| datetime::date_in_range(*days));
    in_range.and_then(|days| i32::try_from(days).ok()).ok_or_else(out_of_range)
}

/// Hours, minutes and seconds from argument `i` on.
fn make_time(args: &Args<'_>, i: usize) -> Result<i64> {
    let (hour, minute, second) = (args.int(i)?, args.int(i + 1)?, args.float(i + 2)?);
    let bad = || {
        let message = format!("time field value out of range: {hour}:{minute:02}:{second:0>2}");
        FunctionError::new("22008", message)
    };
    let valid =
        (0..=24).contains(&hour) && (0..60).contains(&minute) && (0.0..=60.0).contains(&second);
    if !valid {
        return Err(bad());
    }
    #[expect(clippy::cast_possible_truncation, reason = "at most 60 seconds")]
    let total = hour * HOUR + minute * MINUTE + (second * 1e6).round() as i64;
    if total > DAY { Err(bad()) } else { Ok(total) }
}

fn make_timestamp(args: &Args<'_>) -> Result<i64> {
    let midnight = datetime::timestamp_from_date(make_date(args)?)?;
    Ok(datetime::add(midnight, super::datetime::micros(make_time(args, 3)?))?)
}

fn make_timestamptz(args: &Args<'_>) -> Outcome {
    let zone = if args.len() > 6 {
        super::datetime_cast::zone_argument(args, 6)?
    } else {
        session_zone(args)?
    };
    moment(zone::to_utc(make_timestamp(args)?, &zone)?)
}

/// Years, months, weeks, days, hours, minutes, seconds.
fn make_interval(args: &Args<'_>) -> Outcome {
    let part = |i| args.int_or(i, 0);
    let (years, months, weeks, days) = (part(0)?, part(1)?, part(2)?, part(3)?);
    let (hours, minutes) = (part(4)?, part(5)?);
    let seconds = (args.float(6)? * 1e6).round();
    let range = || FunctionError::new("22008", "interval out of range");
    let small = |n: Option<i64>| n.and_then(|n| i32::try_from(n).ok()).ok_or_else(range);
    if !seconds.is_finite() || seconds.abs() > 9e18 {
        return Err(range());
    }
    #[expect(clippy::cast_possible_truncation, reason = "checked")]
    let micros = hours
        .checked_mul(HOUR)
        .and_then(|us| us.checked_add(minutes.checked_mul(MINUTE)?))
        .and_then(|us| us.checked_add(seconds as i64));
    span(Interval {
        months: small(years.checked_mul(12).and_then(|n| n.checked_add(months)))?,
        days: small(weeks.checked_mul(7).and_then(|n| n.checked_add(days)))?,
        micros: micros.ok_or_else(range)?,
    })
}

fn from_epoch(args: &Args<'_>) -> Outcome {
    let seconds = args.float(0)?;
    if seconds.is_nan() {
        return Err(FunctionError::new("22008", "timestamp cannot be NaN"));
    }
    if seconds.is_infinite() {
        return moment(if seconds > 0.0 { datetime::INFINITY } else { datetime::NEG_INFINITY });
    }
    let micros = (seconds * 1e6).round();
    #[expect(clippy::cast_possible_truncation, reason = "checked")]
    let us = (micros.abs() < 9.2e18).then_some(micros as i64);
    let out_of_range = || {
        let shown = super::math::float_text(seconds);
        FunctionError::new("22008", format!("timestamp out of range: \"{shown}\""))
    };
    moment(us.filter(|us| datetime::in_range(*us)).ok_or_else(out_of_range)?)
}

/// The end of a period: a timestamp, or an interval after the start before it.
fn timestamp_end(args: &Args<'_>, i: usize) -> Result<i64> {
    if i % 2 == 1
        && datetime::read_timestamp(args.value(i), crate::types::Storage::Native, false).is_none()
    {
        return Ok(datetime::add(timestamp(args, i - 1)?, interval(args, i)?)?);
    }
    timestamp(args, i)
}

fn timestamptz_end(args: &Args<'_>, i: usize) -> Result<i64> {
    if i % 2 == 1
        && datetime::read_timestamp(args.value(i), crate::types::Storage::Native, true).is_none()
    {
        let zone = session_zone(args)?;
        return Ok(datetime::add_tz(timestamptz(args, i - 1)?, interval(args, i)?, &zone)?);
    }
    timestamptz(args, i)
}

/// Two periods, half open; a missing end leaves open what cannot be told without it.
fn overlaps(args: &Args<'_>, read: fn(&Args<'_>, usize) -> Result<i64>) -> Outcome {
    let point = |i| if args.is_null(i) { Ok(None) } else { read(args, i).map(Some) };
    let period = |i| {
        Ok::<_, FunctionError>(match (point(i)?, point(i + 1)?) {
            (Some(a), Some(b)) => Some((a.min(b), Some(a.max(b)))),
            (Some(a), None) | (None, Some(a)) => Some((a, None)),
            (None, None) => None,
        })
    };
    let (Some(mut first), Some(mut second)) = (period(0)?, period(2)?) else {
        return Ok(Value::Null);
    };
    if first.0 > second.0 {
        std::mem::swap(&mut first, &mut second);
    }
    if first.0 == second.0 {
        return match (first.1, second.1) {
            (Some(_), Some(_)) => boolean(true),
            _ => Ok(Value::Null),
        };
    }
    match (first.1, second.1) {
        (None, _) => Ok(Value::Null),
        (Some(end), _) if second.0 < end => boolean(true),
        (_, None) => Ok(Value::Null),
        _ => boolean(false),
    }
}

impl From<Error> for FunctionError {
    fn from(error: Error) -> Self {
        Self::new(error.sqlstate(), error.to_string())
    }
}
