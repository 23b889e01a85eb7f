//! Time zones: names to offsets, wall clock to UTC and back. The only caller of jiff's zones.

use super::{Civil, DAY, SECOND, in_range, is_infinite};
use crate::types::Error;
use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::{AmbiguousOffset, Offset, TimeZone};

/// A zone as `AT TIME ZONE` takes it: an IANA name, an abbreviation, or a POSIX zone, where an
/// offset (`+05:30`, `UTC+5`) counts west of Greenwich.
///
/// # Errors
/// Nobody knows the zone.
pub fn by_name(name: &str) -> Result<TimeZone, Error> {
    let unknown = || Error::UnknownZone { name: name.to_owned() };
    let trimmed = name.trim();
    if let Ok(zone) = TimeZone::get(trimmed) {
        return Ok(zone);
    }
    // `<-08:30>+08:30`: a distance under a name that says it.
    let named = trimmed.strip_prefix('<').and_then(|rest| rest.split_once('>'));
    let distance = named.map_or(trimmed, |(_, distance)| distance);
    let west = || numeric(distance).map(|offset| -offset);
    if let Some(offset) = abbreviation(trimmed).or_else(west) {
        return fixed(offset).ok_or_else(unknown);
    }
    TimeZone::posix(trimmed).map_err(|_unreadable| unknown())
}

/// A zone as the setting `TimeZone` takes it: as [`by_name`], but a number is hours east.
///
/// # Errors
/// Nobody knows the zone.
pub fn setting(value: &str) -> Result<TimeZone, Error> {
    match value.trim().parse::<f64>() {
        Ok(hours) if hours.abs() < 16.0 => {
            fixed((hours * 3600.0) as i32).ok_or(Error::UnknownZone { name: value.to_owned() })
        }
        _ => by_name(value),
    }
}

/// Seconds east of Greenwich in a zone at a moment (microseconds since 1970, UTC).
#[must_use]
pub fn offset_at(us: i64, zone: &TimeZone) -> i32 {
    zone.to_offset(moment(us)).seconds()
}

/// The abbreviation in use in a zone at a moment, e.g. `CEST`.
#[must_use]
pub fn abbreviation_at(us: i64, zone: &TimeZone) -> String {
    zone.to_offset_info(moment(us)).abbreviation().to_owned()
}

/// The wall clock's timestamp in a zone at a moment: `timestamptz AT TIME ZONE zone`.
#[must_use]
pub fn to_local(us: i64, zone: &TimeZone) -> i64 {
    if is_infinite(us) {
        return us;
    }
    us.saturating_add(i64::from(offset_at(us, zone)) * SECOND)
}

/// The moment when a zone's wall clock shows a timestamp: `timestamp AT TIME ZONE zone`. A time the
/// clock skips is read by the offset before the gap, a time it shows twice as standard time.
///
/// # Errors
/// The moment is out of range.
pub fn to_utc(us: i64, zone: &TimeZone) -> Result<i64, Error> {
    if is_infinite(us) {
        return Ok(us);
    }
    us.checked_sub(i64::from(local_offset(us, zone)) * SECOND)
        .filter(|us| in_range(*us))
        .ok_or(Error::DatetimeRange { ty: "timestamp", text: None })
}

/// Seconds east of Greenwich when a zone's wall clock shows a timestamp.
#[must_use]
pub fn local_offset(us: i64, zone: &TimeZone) -> i32 {
    let Some(local) = wall_clock(us) else { return offset_at(us, zone) };
    match zone.to_ambiguous_timestamp(local).offset() {
        AmbiguousOffset::Unambiguous { offset } => offset.seconds(),
        AmbiguousOffset::Gap { before, .. } => before.seconds(),
        AmbiguousOffset::Fold { after, .. } => after.seconds(),
    }
}

/// A zone of one offset, seconds east of Greenwich.
#[must_use]
pub fn fixed(seconds: i32) -> Option<TimeZone> {
    Offset::from_seconds(seconds).ok().map(TimeZone::fixed)
}

/// Offsets of the abbreviations Postgres knows by default, the common ones.
pub(super) fn abbreviation(word: &str) -> Option<i32> {
    let lower = word.to_ascii_lowercase();
    ABBREVIATIONS.iter().find(|(name, _)| *name == lower).map(|(_, minutes)| minutes * 60)
}

/// `{+|-}H[H][:MM[:SS]]`, or `HHMM`; seconds east.
pub(super) fn numeric(text: &str) -> Option<i32> {
    let (negative, digits) = match text.as_bytes().first()? {
        b'-' => (true, text.get(1..)?),
        b'+' => (false, text.get(1..)?),
        _ => (false, text),
    };
    let mut parts = digits.split(':');
    let first = parts.next()?;
    let number = |part: &str| part.parse::<i32>().ok().filter(|_| !part.starts_with('+'));
    let (hours, mut minutes) = match (number(first)?, first.len()) {
        (n, 3 | 4) => (n / 100, n % 100),
        (n, 1 | 2) => (n, 0),
        _ => return None,
    };
    let mut seconds = 0;
    if let Some(part) = parts.next() {
        minutes = number(part)?;
    }
    if let Some(part) = parts.next() {
        seconds = number(part)?;
    }
    if minutes > 59 || seconds > 59 || parts.next().is_some() {
        return None;
    }
    let total = hours * 3600 + minutes * 60 + seconds;
    Some(if negative { -total } else { total })
}

/// jiff's clock ends at the year 9999; beyond it a zone's rules repeat every 400 years.
fn moment(us: i64) -> Timestamp {
    Timestamp::from_microsecond(us)
        .or_else(|_| Timestamp::from_microsecond(fold(us)))
        .unwrap_or(Timestamp::UNIX_EPOCH)
}

fn wall_clock(us: i64) -> Option<DateTime> {
    let civil = Civil::of(us);
    let civil = if civil.year < 9999 { civil } else { Civil::of(fold(us)) };
    let year = i16::try_from(civil.year).ok()?;
    let (hour, minute) = (civil.hour() as i8, civil.minute() as i8);
    let nanos = (civil.micros() * 1000) as i32;
    let (month, day) = (civil.month as i8, civil.day as i8);
    DateTime::new(year, month, day, hour, minute, civil.second() as i8, nanos).ok()
}

/// The same moment in the last cycle of 400 years that jiff reaches.
fn fold(us: i64) -> i64 {
    const CYCLE: i64 = 146_097 * DAY;
    const LAST: i64 = 2_739_318 * DAY;
    LAST + us.saturating_sub(LAST).rem_euclid(CYCLE)
}

const ABBREVIATIONS: &[(&str, i32)] = &[
    ("z", 0),
    ("zulu", 0),
    ("utc", 0),
    ("gmt", 0),
    ("ut", 0),
    ("uct", 0),
    ("wet", 0),
    ("west", 60),
    ("bst", 60),
    ("cet", 60),
    ("met", 60),
    ("cest", 120),
    ("mest", 120),
    ("eet", 120),
    ("sast", 120),
    ("eest", 180),
    ("msk", 180),
    ("eat", 180),
    ("ist", 120),
    ("idt", 180),
    ("pkt", 300),
    ("ict", 420),
    ("wib", 420),
    ("hkt", 480),
    ("awst", 480),
    ("sgt", 480),
    ("pht", 480),
    ("jst", 540),
    ("kst", 540),
    ("aest", 600),
    ("aedt", 660),
    ("acst", 570),
    ("acdt", 630),
    ("nzst", 720),
    ("nzdt", 780),
    ("nst", -210),
    ("ndt", -150),
    ("ast", -240),
    ("adt", -180),
    ("est", -300),
    ("edt", -240),
    ("cst", -360),
    ("cdt", -300),
    ("mst", -420),
    ("mdt", -360),
    ("pst", -480),
    ("pdt", -420),
    ("akst", -540),
    ("akdt", -480),
    ("hst", -600),
    ("brt", -180),
    ("brst", -120),
    ("art", -180),
    ("clt", -240),
];
