//! Numbers to text, in the four date styles.

use super::zone::{abbreviation_at, offset_at};
use super::{
    Civil, DATE_INFINITY, DATE_NEG_INFINITY, INFINITY, NEG_INFINITY, SECOND, TimeTz,
    civil_from_days, day_of_week,
};
use crate::types::style::{DateOrder, DateStyle, Style};

/// Writes a date.
pub fn write_date(out: &mut Vec<u8>, days: i32, style: &Style) {
    match days {
        DATE_INFINITY => out.extend_from_slice(b"infinity"),
        DATE_NEG_INFINITY => out.extend_from_slice(b"-infinity"),
        _ => {
            let (year, month, day) = civil_from_days(i64::from(days));
            match style.date_style {
                DateStyle::Iso => iso_date(out, year, month, day),
                DateStyle::Sql => ordered(out, b'/', style, (year, month, day)),
                DateStyle::Postgres => ordered(out, b'-', style, (year, month, day)),
                DateStyle::German => german(out, year, month, day),
            }
            era(out, year);
        }
    }
}

/// Writes a time.
pub fn write_time(out: &mut Vec<u8>, time: i64) {
    let second = time / SECOND % 60;
    two(out, time / super::HOUR);
    out.push(b':');
    two(out, time / super::MINUTE % 60);
    out.push(b':');
    two(out, second);
    fraction(out, time % SECOND);
}

/// Writes a time with its zone.
pub fn write_timetz(out: &mut Vec<u8>, value: TimeTz) {
    write_time(out, value.time);
    write_offset(out, value.offset);
}

/// Writes a timestamp.
pub fn write_timestamp(out: &mut Vec<u8>, us: i64, style: &Style) {
    if !write_infinity(out, us) {
        write_civil(out, Civil::of(us), style, None);
    }
}

/// Writes a moment as the session's zone shows it.
pub fn write_timestamptz(out: &mut Vec<u8>, us: i64, style: &Style) {
    if write_infinity(out, us) {
        return;
    }
    let offset = offset_at(us, &style.time_zone);
    let local = Civil::of(us.saturating_add(i64::from(offset) * SECOND));
    write_civil(out, local, style, Some((us, offset)));
}

/// The stored form of a date.
#[must_use]
pub fn stored_date(days: i32) -> String {
    text(|out| write_date(out, days, &super::parse::LENIENT))
}

/// The stored form of a time.
#[must_use]
pub fn stored_time(time: i64) -> String {
    text(|out| write_time(out, time))
}

/// The stored form of a time with its zone.
#[must_use]
pub fn stored_timetz(value: TimeTz) -> String {
    text(|out| write_timetz(out, value))
}

/// The stored form of a timestamp, and of a moment (in UTC).
#[must_use]
pub fn stored_timestamp(us: i64) -> String {
    text(|out| write_timestamp(out, us, &super::parse::LENIENT))
}

fn text(write: impl FnOnce(&mut Vec<u8>)) -> String {
    let mut out = Vec::with_capacity(32);
    write(&mut out);
    String::from_utf8_lossy(&out).into_owned()
}

fn write_infinity(out: &mut Vec<u8>, us: i64) -> bool {
    match us {
        INFINITY => out.extend_from_slice(b"infinity"),
        NEG_INFINITY => out.extend_from_slice(b"-infinity"),
        _ => return false,
    }
    true
}

/// Writes a wall clock's time; `zone` is the moment and its offset.
fn write_civil(out: &mut Vec<u8>, civil: Civil, style: &Style, zone: Option<(i64, i32)>) {
    let date = (civil.year, civil.month, civil.day);
    match style.date_style {
        DateStyle::Iso => iso_date(out, date.0, date.1, date.2),
        DateStyle::Sql => ordered(out, b'/', style, date),
        DateStyle::German => german(out, date.0, date.1, date.2),
        DateStyle::Postgres => {
            worded(out, civil, style);
            write_time(out, civil.time);
            out.push(b' ');
            year(out, civil.year);
        }
    }
    if style.date_style != DateStyle::Postgres {
        out.push(b' ');
        write_time(out, civil.time);
    }
    if let Some((us, offset)) = zone {
        match style.date_style {
            DateStyle::Iso => write_offset(out, offset),
            _ => write_abbreviation(out, us, style),
        }
    }
    era(out, civil.year);
}

/// `Wed Dec 17 ` or `Wed 17 Dec `
fn worded(out: &mut Vec<u8>, civil: Civil, style: &Style) {
    let days = super::days_from_civil(civil.year, civil.month, civil.day);
    let weekday = DAYS.get(day_of_week(days) as usize).copied().unwrap_or_default();
    let month = MONTHS.get(usize::from(civil.month) - 1).copied().unwrap_or_default();
    out.extend_from_slice(weekday.as_bytes());
    out.push(b' ');
    if style.date_order == DateOrder::Dmy {
        two(out, i64::from(civil.day));
        out.push(b' ');
    }
    out.extend_from_slice(month.as_bytes());
    out.push(b' ');
    if style.date_order != DateOrder::Dmy {
        two(out, i64::from(civil.day));
        out.push(b' ');
    }
}

fn write_abbreviation(out: &mut Vec<u8>, us: i64, style: &Style) {
    let name = abbreviation_at(us, &style.time_zone);
    if name.starts_with(|c: char| c.is_ascii_alphabetic()) {
        out.push(b' ');
    }
    out.extend_from_slice(name.as_bytes());
}

fn iso_date(out: &mut Vec<u8>, y: i32, month: u8, day: u8) {
    year(out, y);
    out.push(b'-');
    two(out, i64::from(month));
    out.push(b'-');
    two(out, i64::from(day));
}

fn ordered(out: &mut Vec<u8>, separator: u8, style: &Style, (y, month, day): (i32, u8, u8)) {
    let (first, second) = match style.date_order {
        DateOrder::Dmy => (day, month),
        DateOrder::Mdy | DateOrder::Ymd => (month, day),
    };
    two(out, i64::from(first));
    out.push(separator);
    two(out, i64::from(second));
    out.push(separator);
    year(out, y);
}

fn german(out: &mut Vec<u8>, y: i32, month: u8, day: u8) {
    two(out, i64::from(day));
    out.push(b'.');
    two(out, i64::from(month));
    out.push(b'.');
    year(out, y);
}

/// `+HH[:MM[:SS]]`
fn write_offset(out: &mut Vec<u8>, offset: i32) {
    out.push(if offset < 0 { b'-' } else { b'+' });
    let seconds = i64::from(offset.unsigned_abs());
    two(out, seconds / 3600);
    if seconds % 3600 != 0 {
        out.push(b':');
        two(out, seconds / 60 % 60);
    }
    if seconds % 60 != 0 {
        out.push(b':');
        two(out, seconds % 60);
    }
}

/// A year without its era, four digits at least.
fn year(out: &mut Vec<u8>, astronomical: i32) {
    let year = if astronomical > 0 { astronomical } else { 1 - astronomical };
    if year < 10_000 {
        two(out, i64::from(year / 100));
        two(out, i64::from(year % 100));
    } else {
        out.extend_from_slice(itoa::Buffer::new().format(year).as_bytes());
    }
}

fn era(out: &mut Vec<u8>, astronomical: i32) {
    if astronomical <= 0 {
        out.extend_from_slice(b" BC");
    }
}

fn two(out: &mut Vec<u8>, n: i64) {
    out.extend_from_slice(&[b'0' + (n / 10 % 10) as u8, b'0' + (n % 10) as u8]);
}

/// `.` and the microseconds without trailing zeros; nothing for none.
pub(in crate::types) fn fraction(out: &mut Vec<u8>, micros: i64) {
    if micros == 0 {
        return;
    }
    out.push(b'.');
    let mut rest = micros;
    let mut unit = 100_000;
    while rest > 0 && unit > 0 {
        out.push(b'0' + (rest / unit % 10) as u8);
        rest %= unit;
        unit /= 10;
    }
}

pub(super) const DAYS: [&str; 7] = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"];
pub(super) const MONTHS: [&str; 12] =
    ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
