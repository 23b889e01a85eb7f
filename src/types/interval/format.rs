//! Intervals to text, in the four styles.

use super::Interval;
use crate::types::datetime::{HOUR, MINUTE, SECOND, write_fraction};
use crate::types::style::IntervalStyle;

pub(super) fn write(out: &mut Vec<u8>, value: Interval, style: IntervalStyle) {
    match style {
        IntervalStyle::Postgres => postgres(out, value),
        IntervalStyle::PostgresVerbose => verbose(out, value),
        IntervalStyle::SqlStandard => sql_standard(out, value),
        IntervalStyle::Iso8601 => iso8601(out, value),
    }
}

/// `1 year 2 mons -3 days +04:05:06`: a plus where the part before was negative.
fn postgres(out: &mut Vec<u8>, value: Interval) {
    let mut first = true;
    let mut negative = false;
    let parts = [(value.months / 12, "year"), (value.months % 12, "mon"), (value.days, "day")];
    for (number, unit) in parts.into_iter().filter(|(number, _)| *number != 0) {
        if !first {
            out.push(b' ');
        }
        if negative && number > 0 {
            out.push(b'+');
        }
        integer(out, i64::from(number));
        out.push(b' ');
        out.extend_from_slice(unit.as_bytes());
        if number != 1 {
            out.push(b's');
        }
        negative = number < 0;
        first = false;
    }
    if !first && value.micros == 0 {
        return;
    }
    if !first {
        out.push(b' ');
    }
    if value.micros < 0 {
        out.push(b'-');
    } else if negative {
        out.push(b'+');
    }
    clock(out, value.micros, true);
}

/// `@ 1 year 2 mons 3 days 4 hours 5 mins 6 secs ago`: the first part's sign is told at the end.
fn verbose(out: &mut Vec<u8>, value: Interval) {
    out.push(b'@');
    let mut ago = None;
    let parts = [
        (i64::from(value.months / 12), "year"),
        (i64::from(value.months % 12), "mon"),
        (i64::from(value.days), "day"),
        (value.micros / HOUR, "hour"),
        (value.micros / MINUTE % 60, "min"),
    ];
    for (number, unit) in parts.into_iter().filter(|(number, _)| *number != 0) {
        let shown = if *ago.get_or_insert(number < 0) { -number } else { number };
        out.push(b' ');
        integer(out, shown);
        out.push(b' ');
        out.extend_from_slice(unit.as_bytes());
        if shown != 1 {
            out.push(b's');
        }
    }
    let rest = value.micros % MINUTE;
    if rest != 0 {
        let shown = if *ago.get_or_insert(rest < 0) { -rest } else { rest };
        out.extend_from_slice(if shown < 0 { b" -" } else { b" " });
        seconds(out, rest, false);
        out.extend_from_slice(if shown.abs() == SECOND { b" sec" } else { b" secs" });
    }
    match ago {
        None => out.extend_from_slice(b" 0"),
        Some(true) => out.extend_from_slice(b" ago"),
        Some(false) => {}
    }
}

/// `1-2`, `3 4:05:06` or, where the standard has no form, `+1-2 +3 +4:05:06`.
fn sql_standard(out: &mut Vec<u8>, value: Interval) {
    let Interval { months, days, micros } = value;
    let negative = months < 0 || days < 0 || micros < 0;
    let positive = months > 0 || days > 0 || micros > 0;
    if !negative && !positive {
        out.push(b'0');
        return;
    }
    if negative && positive || months != 0 && (days != 0 || micros != 0) {
        sign(out, months < 0);
        years_months(out, months);
        out.push(b' ');
        sign(out, days < 0);
        integer(out, i64::from(days).abs());
        out.push(b' ');
        sign(out, micros < 0);
        clock(out, micros, false);
        return;
    }
    if negative {
        out.push(b'-');
    }
    if months != 0 {
        years_months(out, months);
        return;
    }
    if days != 0 {
        integer(out, i64::from(days).abs());
        out.push(b' ');
    }
    clock(out, micros, false);
}

fn iso8601(out: &mut Vec<u8>, value: Interval) {
    if value == Interval::default() {
        out.extend_from_slice(b"PT0S");
        return;
    }
    out.push(b'P');
    let date = [
        (i64::from(value.months / 12), b'Y'),
        (i64::from(value.months % 12), b'M'),
        (i64::from(value.days), b'D'),
    ];
    let parts = |out: &mut Vec<u8>, parts: &[(i64, u8)]| {
        for (number, unit) in parts.iter().filter(|(number, _)| *number != 0) {
            integer(out, *number);
            out.push(*unit);
        }
    };
    parts(out, &date);
    if value.micros == 0 {
        return;
    }
    out.push(b'T');
    parts(out, &[(value.micros / HOUR, b'H'), (value.micros / MINUTE % 60, b'M')]);
    let rest = value.micros % MINUTE;
    if rest != 0 {
        if rest < 0 {
            out.push(b'-');
        }
        seconds(out, rest, false);
        out.push(b'S');
    }
}

fn sign(out: &mut Vec<u8>, negative: bool) {
    out.push(if negative { b'-' } else { b'+' });
}

fn years_months(out: &mut Vec<u8>, months: i32) {
    integer(out, i64::from(months / 12).abs());
    out.push(b'-');
    integer(out, i64::from(months % 12).abs());
}

/// Hours, minutes and seconds without their sign.
fn clock(out: &mut Vec<u8>, micros: i64, pad_hours: bool) {
    let hours = (micros / HOUR).abs();
    if pad_hours && hours < 10 {
        out.push(b'0');
    }
    integer(out, hours);
    out.push(b':');
    padded(out, (micros / MINUTE % 60).abs());
    out.push(b':');
    seconds(out, micros % MINUTE, true);
}

fn seconds(out: &mut Vec<u8>, micros: i64, pad: bool) {
    let whole = (micros / SECOND).abs();
    if pad {
        padded(out, whole);
    } else {
        integer(out, whole);
    }
    write_fraction(out, (micros % SECOND).abs());
}

fn padded(out: &mut Vec<u8>, number: i64) {
    if number < 10 {
        out.push(b'0');
    }
    integer(out, number);
}

fn integer(out: &mut Vec<u8>, number: i64) {
    out.extend_from_slice(itoa::Buffer::new().format(number).as_bytes());
}
