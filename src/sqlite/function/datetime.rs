//! Dates and times: the clock, arithmetic, and how arguments of these types are read.
//!
//! What enters and leaves is the inside-SQLite form; `timestamptz` is UTC there and only text in
//! the session's zone outside. <https://www.postgresql.org/docs/15/functions-datetime.html>

use super::{Args, Flags, Function, Outcome, boolean, integer, text};
use crate::sqlite::host::FunctionError;
use crate::types::datetime::{self, DAY, SECOND, TimeTz, zone};
use crate::types::{DateOrder, DateStyle, Interval, Storage, Style};
use jiff::tz::TimeZone;
use std::cell::RefCell;
use std::time::{SystemTime, UNIX_EPOCH};

pub(super) const FUNCTIONS: &[Function] = &[
    ("pg_now", 0, Flags::STABLE, |a| moment(a.host()?.transaction_start_us())),
    ("pg_statement_timestamp", 0, Flags::STABLE, |a| moment(a.host()?.statement_start_us())),
    ("pg_clock_timestamp", 0, Flags::STABLE, |_| moment(clock())),
    ("pg_timeofday", 0, Flags::STABLE, time_of_day),
    ("pg_sleep_for", 1, Flags::STABLE, |a| {
        super::session::sleep(a, seconds(i64::try_from(interval(a, 0)?.total()).unwrap_or(0)))
    }),
    ("pg_sleep_until", 1, Flags::STABLE, |a| {
        super::session::sleep(a, seconds(timestamptz(a, 0)?.saturating_sub(clock())))
    }),
    ("pg_date_add_int4", 2, Flags::PURE, |a| move_date(a, 1)),
    ("pg_date_sub_int4", 2, Flags::PURE, |a| move_date(a, -1)),
    ("pg_date_sub_date", 2, Flags::PURE, date_difference),
    ("pg_date_add_time", 2, Flags::PURE, |a| {
        moment(datetime::add(midnight(a, 0)?, micros(time(a, 1)?))?)
    }),
    ("pg_date_add_timetz", 2, Flags::PURE, date_add_timetz),
    ("pg_date_add_interval", 2, Flags::PURE, |a| {
        moment(datetime::add(midnight(a, 0)?, interval(a, 1)?)?)
    }),
    ("pg_date_sub_interval", 2, Flags::PURE, |a| {
        moment(datetime::add(midnight(a, 0)?, interval(a, 1)?.negated()?)?)
    }),
    ("pg_time_add_interval", 2, Flags::PURE, |a| turn(time(a, 0)?, interval(a, 1)?.micros)),
    ("pg_time_sub_interval", 2, Flags::PURE, |a| turn(time(a, 0)?, -interval(a, 1)?.micros)),
    ("pg_time_sub_time", 2, Flags::PURE, |a| span(micros(time(a, 0)? - time(a, 1)?))),
    ("pg_timetz_add_interval", 2, Flags::PURE, |a| turn_tz(a, interval(a, 1)?.micros)),
    ("pg_timetz_sub_interval", 2, Flags::PURE, |a| turn_tz(a, -interval(a, 1)?.micros)),
    ("pg_timestamp_add_interval", 2, Flags::PURE, |a| {
        moment(datetime::add(timestamp(a, 0)?, interval(a, 1)?)?)
    }),
    ("pg_timestamp_sub_interval", 2, Flags::PURE, |a| {
        moment(datetime::add(timestamp(a, 0)?, interval(a, 1)?.negated()?)?)
    }),
    ("pg_timestamptz_add_interval", 2, Flags::STABLE, |a| {
        moment(datetime::add_tz(timestamptz(a, 0)?, interval(a, 1)?, &session_zone(a)?)?)
    }),
    ("pg_timestamptz_sub_interval", 2, Flags::STABLE, |a| {
        let back = interval(a, 1)?.negated()?;
        moment(datetime::add_tz(timestamptz(a, 0)?, back, &session_zone(a)?)?)
    }),
    ("pg_timestamp_sub_timestamp", 2, Flags::PURE, |a| {
        difference(timestamp(a, 0)?, timestamp(a, 1)?)
    }),
    ("pg_timestamptz_sub_timestamptz", 2, Flags::PURE, |a| {
        difference(timestamptz(a, 0)?, timestamptz(a, 1)?)
    }),
    ("pg_isfinite", 1, Flags::PURE, |a| boolean(!a.text(0)?.ends_with("infinity"))),
];

type Result<T> = std::result::Result<T, FunctionError>;

fn invalid(args: &Args<'_>, i: usize, name: &str) -> FunctionError {
    let shown = String::from_utf8_lossy(&args.bytes(i)).into_owned();
    FunctionError::new("22007", format!("invalid input syntax for type {name}: \"{shown}\""))
}

/// A timestamp argument, microseconds since 1970 on the wall clock.
pub(super) fn timestamp(args: &Args<'_>, i: usize) -> Result<i64> {
    let read = datetime::read_timestamp(args.value(i), Storage::Native, false);
    read.ok_or_else(|| invalid(args, i, "timestamp"))
}

/// A timestamptz argument, microseconds since 1970 UTC.
pub(super) fn timestamptz(args: &Args<'_>, i: usize) -> Result<i64> {
    let read = datetime::read_timestamp(args.value(i), Storage::Native, true);
    read.ok_or_else(|| invalid(args, i, "timestamp with time zone"))
}

/// A date argument, days since 1970.
pub(super) fn date(args: &Args<'_>, i: usize) -> Result<i32> {
    let read = datetime::read_date(args.value(i), Storage::Native);
    read.ok_or_else(|| invalid(args, i, "date"))
}

/// The start of a date argument.
pub(super) fn midnight(args: &Args<'_>, i: usize) -> Result<i64> {
    Ok(datetime::timestamp_from_date(date(args, i)?)?)
}

/// A time argument, microseconds since midnight.
pub(super) fn time(args: &Args<'_>, i: usize) -> Result<i64> {
    datetime::read_time(args.value(i)).ok_or_else(|| invalid(args, i, "time"))
}

/// A timetz argument.
pub(super) fn timetz(args: &Args<'_>, i: usize) -> Result<TimeTz> {
    datetime::read_timetz(args.value(i)).ok_or_else(|| invalid(args, i, "time with time zone"))
}

/// An interval argument.
pub(super) fn interval(args: &Args<'_>, i: usize) -> Result<Interval> {
    Interval::from_value(args.value(i)).ok_or_else(|| invalid(args, i, "interval"))
}

/// The inside-SQLite form of a timestamp, or of a moment in UTC.
pub(super) fn moment(us: i64) -> Outcome {
    text(datetime::stored_timestamp(us))
}

/// The inside-SQLite form of a date.
pub(super) fn day(days: i32) -> Outcome {
    text(datetime::stored_date(days))
}

/// The inside-SQLite form of an interval.
pub(super) fn span(interval: Interval) -> Outcome {
    text(interval.stored())
}

/// An interval of time only.
pub(super) fn micros(micros: i64) -> Interval {
    Interval { micros, ..Interval::default() }
}

thread_local! {
    /// A session seldom changes its zone, and looking one up is dear.
    static ZONE: RefCell<Option<(String, TimeZone)>> = const { RefCell::new(None) };
}

/// The session's zone; UTC outside a session.
pub(super) fn session_zone(args: &Args<'_>) -> Result<TimeZone> {
    let Some(host) = args.slot().host() else { return Ok(TimeZone::UTC) };
    let name = host.time_zone();
    ZONE.with_borrow_mut(|last| {
        if let Some((known, found)) = last
            && *known == name
        {
            return Ok(found.clone());
        }
        let found = zone::setting(&name)?;
        *last = Some((name, found.clone()));
        Ok(found)
    })
}

/// The session's settings for reading and writing dates.
pub(super) fn style(args: &Args<'_>) -> Result<Style> {
    let Some(host) = args.slot().host() else { return Ok(Style::default()) };
    let setting = host.setting("datestyle").unwrap_or_default().to_ascii_lowercase();
    let has = |word: &str| setting.contains(word);
    let date_style = match () {
        () if has("sql") => DateStyle::Sql,
        () if has("german") => DateStyle::German,
        () if has("postgres") => DateStyle::Postgres,
        () => DateStyle::Iso,
    };
    let date_order = match () {
        () if has("dmy") => DateOrder::Dmy,
        () if has("ymd") => DateOrder::Ymd,
        () => DateOrder::Mdy,
    };
    let (time_zone, now_us) = (session_zone(args)?, Some(host.transaction_start_us()));
    Ok(Style { time_zone, now_us, date_style, date_order, ..Style::default() })
}

/// Microseconds since 1970, now.
pub(super) fn clock() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_micros()).unwrap_or(i64::MAX)
}

fn seconds(us: i64) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "a time to wait")]
    let seconds = us as f64 / 1e6;
    seconds
}

/// The transaction's start on the session's wall clock.
pub(super) fn local_now(args: &Args<'_>) -> Result<i64> {
    Ok(zone::to_local(args.host()?.transaction_start_us(), &session_zone(args)?))
}

/// Today's midnight on the session's wall clock.
pub(super) fn today(args: &Args<'_>) -> Result<i64> {
    let now = local_now(args)?;
    Ok(now - now.rem_euclid(DAY))
}

/// Rounded to so many digits of a second.
pub(super) fn round_to(us: i64, digits: i64) -> i64 {
    let unit = 10_i64.pow(u32::try_from(6 - digits.clamp(0, 6)).unwrap_or(0));
    if datetime::is_infinite(us) {
        return us;
    }
    us.saturating_add(unit / 2).div_euclid(unit) * unit
}

/// `Wed Feb 26 14:29:07.123456 2020 UTC`
fn time_of_day(args: &Args<'_>) -> Outcome {
    let (us, zone) = (clock(), session_zone(args)?);
    let local = zone::to_local(us, &zone);
    let shown = super::format_datetime::format("Dy Mon DD HH24:MI:SS.US YYYY ", local, None)?;
    text(shown + &zone::abbreviation_at(us, &zone))
}

fn date_range() -> FunctionError {
    FunctionError::new("22008", "date out of range")
}

fn move_date(args: &Args<'_>, sign: i64) -> Outcome {
    let days = date(args, 0)?;
    if days == datetime::DATE_INFINITY || days == datetime::DATE_NEG_INFINITY {
        return day(days);
    }
    let moved = args.int(1)?.checked_mul(sign).and_then(|n| n.checked_add(i64::from(days)));
    let in_range = moved.filter(|days| datetime::date_in_range(*days));
    day(in_range.and_then(|days| i32::try_from(days).ok()).ok_or_else(date_range)?)
}

fn date_difference(args: &Args<'_>) -> Outcome {
    let (a, b) = (date(args, 0)?, date(args, 1)?);
    let infinite = |d| d == datetime::DATE_INFINITY || d == datetime::DATE_NEG_INFINITY;
    if infinite(a) || infinite(b) {
        return Err(FunctionError::new("22008", "cannot subtract infinite dates"));
    }
    integer(i64::from(a) - i64::from(b))
}

fn date_add_timetz(args: &Args<'_>) -> Outcome {
    let at = timetz(args, 1)?;
    let utc = at.time - i64::from(at.offset) * SECOND;
    moment(datetime::add(midnight(args, 0)?, micros(utc))?)
}

/// Time of day goes round.
fn turn(time: i64, by: i64) -> Outcome {
    text(datetime::stored_time((time + by % DAY).rem_euclid(DAY)))
}

fn turn_tz(args: &Args<'_>, by: i64) -> Outcome {
    let at = timetz(args, 0)?;
    let time = (at.time + by % DAY).rem_euclid(DAY);
    text(datetime::stored_timetz(TimeTz { time, ..at }))
}

fn difference(a: i64, b: i64) -> Outcome {
    let range = || FunctionError::new("22008", "cannot subtract infinite timestamps");
    if datetime::is_infinite(a) || datetime::is_infinite(b) {
        return Err(range());
    }
    span(micros(a.checked_sub(b).ok_or_else(range)?).justified_hours()?)
}
