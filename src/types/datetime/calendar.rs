//! Arithmetic: adding intervals, differences, truncation.

use super::zone::{to_local, to_utc};
use super::{
    Civil, DATE_INFINITY, DATE_NEG_INFINITY, DAY, Field, HOUR, INFINITY, MINUTE, NEG_INFINITY,
    SECOND, day_of_week, days_from_civil, days_in_month, in_range, is_infinite,
};
use crate::types::{Error, Interval};
use jiff::tz::TimeZone;

const RANGE: Error = Error::DatetimeRange { ty: "timestamp", text: None };

/// The timestamp at the start of a day.
///
/// # Errors
/// It is out of range.
pub fn timestamp_from_date(days: i32) -> Result<i64, Error> {
    match days {
        DATE_INFINITY => Ok(INFINITY),
        DATE_NEG_INFINITY => Ok(NEG_INFINITY),
        _ => i64::from(days)
            .checked_mul(DAY)
            .filter(|us| in_range(*us))
            .ok_or(Error::DatetimeRange { ty: "date", text: None }),
    }
}

/// The day of a timestamp.
#[must_use]
pub fn date_from_timestamp(us: i64) -> i32 {
    match us {
        INFINITY => DATE_INFINITY,
        NEG_INFINITY => DATE_NEG_INFINITY,
        _ => us.div_euclid(DAY) as i32,
    }
}

/// `timestamp + interval`: months first, the day clamped to the month's end, then days, then time.
///
/// # Errors
/// The sum is out of range.
pub fn add(us: i64, interval: Interval) -> Result<i64, Error> {
    if is_infinite(us) {
        return Ok(us);
    }
    let shifted = add_days(add_months(us, interval.months)?, interval.days)?;
    shifted.checked_add(interval.micros).filter(|us| in_range(*us)).ok_or(RANGE)
}

/// `timestamptz + interval`: months and days on the zone's wall clock, time in UTC.
///
/// # Errors
/// The sum is out of range.
pub fn add_tz(us: i64, interval: Interval, zone: &TimeZone) -> Result<i64, Error> {
    if is_infinite(us) {
        return Ok(us);
    }
    let mut sum = us;
    if interval.months != 0 {
        sum = to_utc(add_months(to_local(sum, zone), interval.months)?, zone)?;
    }
    if interval.days != 0 {
        sum = to_utc(add_days(to_local(sum, zone), interval.days)?, zone)?;
    }
    sum.checked_add(interval.micros).filter(|us| in_range(*us)).ok_or(RANGE)
}

fn add_months(us: i64, months: i32) -> Result<i64, Error> {
    if months == 0 {
        return Ok(us);
    }
    let civil = Civil::of(us);
    let total = i64::from(civil.year) * 12 + i64::from(civil.month) - 1 + i64::from(months);
    let year = i32::try_from(total.div_euclid(12)).map_err(|_overflow| RANGE)?;
    let month = total.rem_euclid(12) as u8 + 1;
    let day = civil.day.min(days_in_month(year, month));
    Civil { year, month, day, time: civil.time }.timestamp()
}

fn add_days(us: i64, days: i32) -> Result<i64, Error> {
    us.checked_add(i64::from(days) * DAY).filter(|us| in_range(*us)).ok_or(RANGE)
}

/// `age(later, earlier)`: years, months and days by the calendar.
///
/// # Errors
/// One of them is infinite.
pub fn age(later: i64, earlier: i64) -> Result<Interval, Error> {
    if is_infinite(later) || is_infinite(earlier) {
        return Err(RANGE);
    }
    if later < earlier {
        let reverse = age_forward(earlier, later, Civil::of(later));
        return Ok(Interval {
            months: -reverse.months,
            days: -reverse.days,
            micros: -reverse.micros,
        });
    }
    Ok(age_forward(later, earlier, Civil::of(earlier)))
}

/// [`age()`] of two dates.
///
/// # Errors
/// One of them is infinite or out of a timestamp's range.
pub fn age_days(later: i32, earlier: i32) -> Result<Interval, Error> {
    age(timestamp_from_date(later)?, timestamp_from_date(earlier)?)
}

/// The difference of two timestamps in order; days are borrowed from the month of `lender`, the
/// argument that is subtracted before signs are turned.
fn age_forward(later: i64, earlier: i64, lender: Civil) -> Interval {
    let (a, b) = (Civil::of(later), Civil::of(earlier));
    let mut micros = a.time - b.time;
    let mut days = i32::from(a.day) - i32::from(b.day);
    let mut months = (a.year - b.year) * 12 + i32::from(a.month) - i32::from(b.month);
    if micros < 0 {
        micros += DAY;
        days -= 1;
    }
    while days < 0 {
        days += i32::from(days_in_month(lender.year, lender.month));
        months -= 1;
    }
    Interval { months, days, micros }
}

/// `date_trunc(field, timestamp)`
///
/// # Errors
/// The field is none that truncates.
pub fn trunc(field: Field, us: i64) -> Result<i64, Error> {
    if is_infinite(us) {
        return Ok(us);
    }
    let civil = Civil::of(us);
    let unit = match field {
        Field::Microsecond => return Ok(us),
        Field::Millisecond => 1000,
        Field::Second => SECOND,
        Field::Minute => MINUTE,
        Field::Hour => HOUR,
        Field::Day => DAY,
        Field::Week => {
            let days = us.div_euclid(DAY);
            return Ok((days - (day_of_week(days) + 6) % 7) * DAY);
        }
        Field::Month => return start(civil.year, civil.month),
        Field::Quarter => return start(civil.year, (civil.month - 1) / 3 * 3 + 1),
        Field::Year => return start(civil.year, 1),
        Field::Decade => return start(civil.year.div_euclid(10) * 10, 1),
        Field::Century => return start((civil.year - 1).div_euclid(100) * 100 + 1, 1),
        Field::Millennium => return start((civil.year - 1).div_euclid(1000) * 1000 + 1, 1),
        _ => return Err(field.no_truncation("timestamp without time zone")),
    };
    Ok(us - us.rem_euclid(unit))
}

/// `date_trunc(field, timestamptz, zone)`
///
/// # Errors
/// The field is none that truncates.
pub fn trunc_tz(field: Field, us: i64, zone: &TimeZone) -> Result<i64, Error> {
    let local = to_local(us, zone);
    let cut =
        trunc(field, local).map_err(|_same| field.no_truncation("timestamp with time zone"))?;
    // Within an hour shown twice the offset in use stays.
    if matches!(
        field,
        Field::Hour | Field::Minute | Field::Second | Field::Millisecond | Field::Microsecond
    ) {
        return Ok(us - (local - cut));
    }
    to_utc(cut, zone)
}

fn start(year: i32, month: u8) -> Result<i64, Error> {
    let us = days_from_civil(year, month, 1).checked_mul(DAY).ok_or(RANGE)?;
    if in_range(us) { Ok(us) } else { Err(RANGE) }
}

/// `date_bin(stride, timestamp, origin)`
///
/// # Errors
/// The stride is not positive or has months, or a timestamp is infinite.
pub fn bin(stride: Interval, us: i64, origin: i64) -> Result<i64, Error> {
    if is_infinite(us) {
        return Ok(us);
    }
    if stride.months != 0 {
        return Err(Error::StrideMonths);
    }
    let step = i64::from(stride.days)
        .checked_mul(DAY)
        .and_then(|days| days.checked_add(stride.micros))
        .ok_or(Error::DatetimeRange { ty: "interval", text: None })?;
    if step <= 0 {
        return Err(Error::StrideSign);
    }
    let distance = us.checked_sub(origin).ok_or(RANGE)?;
    Ok(us - distance.rem_euclid(step))
}
