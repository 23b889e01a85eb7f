//! The stored forms read without tokens: what SQLite and nearly every application write.

use super::{DAY, HOUR, MINUTE, SECOND, days_from_civil, days_in_month};

/// `YYYY-MM-DD`, and nothing else.
pub(super) fn date(text: &[u8]) -> Option<i32> {
    let (days, rest) = take_date(text)?;
    if rest.is_empty() { i32::try_from(days).ok() } else { None }
}

/// `HH:MM[:SS[.f]]`, and nothing else.
pub(super) fn time(text: &[u8]) -> Option<i64> {
    let (time, rest) = take_time(text)?;
    rest.is_empty().then_some(time)
}

/// `YYYY-MM-DD[{ |T}HH:MM[:SS[.f]][ ][Z|{+|-}HH[[:]MM]]]`; the zone counts only for UTC.
pub(super) fn timestamp(text: &[u8], utc: bool) -> Option<i64> {
    let (days, rest) = take_date(text)?;
    let start = days * DAY;
    let Some((b' ' | b'T' | b't', rest)) = rest.split_first() else {
        return rest.is_empty().then_some(start);
    };
    let (time, rest) = take_time(rest)?;
    let rest = rest.strip_prefix(b" ").unwrap_or(rest);
    let offset = take_offset(rest)?;
    Some(start + time - if utc { offset } else { 0 })
}

fn take_date(text: &[u8]) -> Option<(i64, &[u8])> {
    let (date, rest) = text.split_at_checked(10)?;
    let [y1, y2, y3, y4, b'-', m1, m2, b'-', d1, d2] = *date else { return None };
    let year = i32::from(two(y1, y2)?) * 100 + i32::from(two(y3, y4)?);
    let (month, day) = (two(m1, m2)?, two(d1, d2)?);
    let valid =
        year > 0 && (1..=12).contains(&month) && (1..=days_in_month(year, month)).contains(&day);
    valid.then(|| (days_from_civil(year, month, day), rest))
}

fn take_time(text: &[u8]) -> Option<(i64, &[u8])> {
    let (head, rest) = text.split_at_checked(5)?;
    let [h1, h2, b':', m1, m2] = *head else { return None };
    let (hour, minute) = (two(h1, h2)?, two(m1, m2)?);
    let (seconds, rest) = match rest {
        [b':', s1, s2, rest @ ..] => (two(*s1, *s2)?, rest),
        _ => (0, rest),
    };
    let (micros, rest) = match rest {
        [b'.', rest @ ..] => take_fraction(rest)?,
        _ => (0, rest),
    };
    let time =
        i64::from(hour) * HOUR + i64::from(minute) * MINUTE + i64::from(seconds) * SECOND + micros;
    (hour < 24 && minute < 60 && seconds < 60).then_some((time, rest))
}

/// Digits after the point, rounded to microseconds.
fn take_fraction(text: &[u8]) -> Option<(i64, &[u8])> {
    let length = text.iter().take_while(|b| b.is_ascii_digit()).count();
    let (digits, rest) = text.split_at_checked(length)?;
    let micros = super::fraction_micros(std::str::from_utf8(digits).ok()?)?;
    (length > 0).then_some((micros, rest))
}

/// Microseconds east of Greenwich.
fn take_offset(text: &[u8]) -> Option<i64> {
    let (negative, hours, minutes) = match *text {
        [] | [b'Z' | b'z'] => return Some(0),
        [sign @ (b'+' | b'-'), h1, h2] => (sign == b'-', two(h1, h2)?, 0),
        [sign @ (b'+' | b'-'), h1, h2, b':', m1, m2] | [sign @ (b'+' | b'-'), h1, h2, m1, m2] => {
            (sign == b'-', two(h1, h2)?, two(m1, m2)?)
        }
        _ => return None,
    };
    let offset = i64::from(hours) * HOUR + i64::from(minutes) * MINUTE;
    (hours < 16 && minutes < 60).then_some(if negative { -offset } else { offset })
}

fn two(tens: u8, ones: u8) -> Option<u8> {
    (tens.is_ascii_digit() && ones.is_ascii_digit()).then(|| (tens - b'0') * 10 + (ones - b'0'))
}
