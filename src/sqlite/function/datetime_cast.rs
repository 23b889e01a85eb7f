//! Casts of dates and times, time zones, type modifiers, and their JSON.
//! <https://www.postgresql.org/docs/15/functions-datetime.html#FUNCTIONS-DATETIME-ZONECONVERT>

use super::datetime::{
    day, interval, midnight, moment, round_to, session_zone, span, style, time, timestamp,
    timestamptz, timetz, today,
};
use super::json_scan::quote;
use super::{Args, Flags, Function, Outcome, text};
use crate::sqlite::host::FunctionError;
use crate::types::Interval;
use crate::types::datetime::{self, DAY, SECOND, TimeTz, zone};
use jiff::tz::TimeZone;

pub(super) const FUNCTIONS: &[Function] = &[
    ("pg_text_to_date", 1, Flags::STABLE, |a| day(datetime::parse_date(&a.text(0)?, &style(a)?)?)),
    ("pg_text_to_time", 1, Flags::STABLE, |a| {
        text(datetime::stored_time(datetime::parse_time(&a.text(0)?, &style(a)?)?))
    }),
    ("pg_text_to_timetz", 1, Flags::STABLE, |a| {
        text(datetime::stored_timetz(datetime::parse_timetz(&a.text(0)?, &style(a)?)?))
    }),
    ("pg_text_to_timestamp", 1, Flags::STABLE, |a| {
        moment(datetime::parse_timestamp(&a.text(0)?, &style(a)?)?)
    }),
    ("pg_text_to_timestamptz", 1, Flags::STABLE, |a| {
        moment(datetime::parse_timestamptz(&a.text(0)?, &style(a)?)?)
    }),
    ("pg_text_to_interval", 1, Flags::PURE, |a| span(Interval::parse(&a.text(0)?)?)),
    ("pg_timestamptz_to_text", 1, Flags::STABLE, shown),
    ("pg_date_to_timestamp", 1, Flags::PURE, |a| moment(midnight(a, 0)?)),
    ("pg_date_to_timestamptz", 1, Flags::STABLE, |a| {
        moment(zone::to_utc(midnight(a, 0)?, &session_zone(a)?)?)
    }),
    ("pg_timestamp_to_date", 1, Flags::PURE, |a| {
        day(datetime::date_from_timestamp(timestamp(a, 0)?))
    }),
    ("pg_timestamp_to_time", 1, Flags::PURE, |a| time_of(a, timestamp(a, 0)?)),
    ("pg_timestamp_to_timestamptz", 1, Flags::STABLE, |a| {
        moment(zone::to_utc(timestamp(a, 0)?, &session_zone(a)?)?)
    }),
    ("pg_timestamptz_to_timestamp", 1, Flags::STABLE, |a| moment(local(a)?)),
    ("pg_timestamptz_to_date", 1, Flags::STABLE, |a| day(datetime::date_from_timestamp(local(a)?))),
    ("pg_timestamptz_to_time", 1, Flags::STABLE, |a| time_of(a, local(a)?)),
    ("pg_timestamptz_to_timetz", 1, Flags::STABLE, timestamptz_to_timetz),
    ("pg_time_to_interval", 1, Flags::PURE, |a| span(super::datetime::micros(time(a, 0)?))),
    ("pg_interval_to_time", 1, Flags::PURE, |a| {
        text(datetime::stored_time(interval(a, 0)?.micros.rem_euclid(DAY)))
    }),
    ("pg_time_to_timetz", 1, Flags::STABLE, time_to_timetz),
    ("pg_timetz_to_time", 1, Flags::PURE, |a| text(datetime::stored_time(timetz(a, 0)?.time))),
    ("pg_timezone_timestamp", 2, Flags::PURE, |a| {
        moment(zone::to_utc(timestamp(a, 1)?, &zone_argument(a, 0)?)?)
    }),
    ("pg_timezone_timestamptz", 2, Flags::PURE, |a| {
        moment(zone::to_local(timestamptz(a, 1)?, &zone_argument(a, 0)?))
    }),
    ("pg_timezone_timetz", 2, Flags::STABLE, timezone_timetz),
    ("pg_timestamp_typmod", 2, Flags::PURE, |a| moment(round_to(timestamp(a, 0)?, a.int(1)?))),
    ("pg_time_typmod", 2, Flags::PURE, |a| {
        text(datetime::stored_time(round_to(time(a, 0)?, a.int(1)?)))
    }),
    ("pg_timetz_lt", 2, Flags::PURE, |a| super::boolean(keys(a)?.0 < keys(a)?.1)),
    ("pg_timetz_le", 2, Flags::PURE, |a| super::boolean(keys(a)?.0 <= keys(a)?.1)),
    ("pg_timetz_gt", 2, Flags::PURE, |a| super::boolean(keys(a)?.0 > keys(a)?.1)),
    ("pg_timetz_ge", 2, Flags::PURE, |a| super::boolean(keys(a)?.0 >= keys(a)?.1)),
    ("pg_timetz_eq", 2, Flags::PURE, |a| super::boolean(keys(a)?.0 == keys(a)?.1)),
    ("pg_timetz_ne", 2, Flags::PURE, |a| super::boolean(keys(a)?.0 != keys(a)?.1)),
    ("pg_timetz_key", 1, Flags::PURE, |a| super::integer(timetz_key(a)?)),
    ("pg_json_from_timestamp", 1, Flags::PURE, |a| iso(timestamp(a, 0)?, None)),
    ("pg_json_from_timestamptz", 1, Flags::STABLE, |a| {
        iso(timestamptz(a, 0)?, Some(&session_zone(a)?))
    }),
];

type Result<T> = std::result::Result<T, FunctionError>;

fn local(args: &Args<'_>) -> Result<i64> {
    Ok(zone::to_local(timestamptz(args, 0)?, &session_zone(args)?))
}

fn shown(args: &Args<'_>) -> Outcome {
    let mut out = Vec::with_capacity(32);
    datetime::write_timestamptz(&mut out, timestamptz(args, 0)?, &style(args)?);
    text(String::from_utf8_lossy(&out))
}

/// NULL for an infinity, which has no time of day.
fn time_of(_: &Args<'_>, us: i64) -> Outcome {
    if datetime::is_infinite(us) {
        return Ok(crate::types::Value::Null);
    }
    text(datetime::stored_time(us.rem_euclid(DAY)))
}

fn timestamptz_to_timetz(args: &Args<'_>) -> Outcome {
    let us = timestamptz(args, 0)?;
    let zone = session_zone(args)?;
    let time = zone::to_local(us, &zone).rem_euclid(DAY);
    text(datetime::stored_timetz(TimeTz { time, offset: zone::offset_at(us, &zone) }))
}

/// The zone's offset today.
fn time_to_timetz(args: &Args<'_>) -> Outcome {
    let time = time(args, 0)?;
    let offset = zone::local_offset(today(args)? + time, &session_zone(args)?);
    text(datetime::stored_timetz(TimeTz { time, offset }))
}

/// A zone given by name, or as an interval east of Greenwich: `02:00:00`.
pub(super) fn zone_argument(args: &Args<'_>, i: usize) -> Result<TimeZone> {
    let name = args.text(i)?;
    let is_interval = name.bytes().filter(|b| *b == b':').count() == 2;
    if !is_interval {
        return Ok(zone::by_name(&name)?);
    }
    let seconds = i32::try_from(interval(args, i)?.micros / SECOND).ok();
    let unknown =
        || FunctionError::new("22023", format!("interval time zone \"{name}\" is out of range"));
    seconds.and_then(zone::fixed).ok_or_else(unknown)
}

fn timezone_timetz(args: &Args<'_>) -> Outcome {
    let at = timetz(args, 1)?;
    let offset = zone::offset_at(args.host()?.transaction_start_us(), &zone_argument(args, 0)?);
    let time = at.time + i64::from(offset - at.offset) * SECOND;
    text(datetime::stored_timetz(TimeTz { time: time.rem_euclid(DAY), offset }))
}

/// A number to sort by: the text sorts by local time.
pub(super) fn timetz_key(args: &Args<'_>) -> Result<i64> {
    /// More than a day has seconds of zones.
    const ZONES: i64 = 1 << 18;
    let (time, zone) = utc_first(timetz(args, 0)?);
    Ok(time * ZONES + i64::from(zone))
}

/// By the moment in UTC, then by zone.
fn utc_first(at: TimeTz) -> (i64, i32) {
    (at.time - i64::from(at.offset) * SECOND, -at.offset)
}

fn keys(args: &Args<'_>) -> Result<((i64, i32), (i64, i32))> {
    Ok((utc_first(timetz(args, 0)?), utc_first(timetz(args, 1)?)))
}

/// ISO 8601 with a T, in quotes.
fn iso(us: i64, zone: Option<&TimeZone>) -> Outcome {
    let mut out = String::new();
    if datetime::is_infinite(us) {
        quote(&mut out, &datetime::stored_timestamp(us));
        return text(out);
    }
    let local = zone.map_or(us, |zone| zone::to_local(us, zone));
    let mut shown = datetime::stored_timestamp(local).replacen(' ', "T", 1);
    if let Some(zone) = zone {
        let offset = zone::offset_at(us, zone);
        let sign = if offset < 0 { '-' } else { '+' };
        let minutes = offset.abs() / 60;
        let suffix = format!("{sign}{:02}:{:02}", minutes / 60, minutes % 60);
        let at = shown.find(" BC").unwrap_or(shown.len());
        shown.insert_str(at, &suffix);
    }
    quote(&mut out, &shown);
    text(out)
}
