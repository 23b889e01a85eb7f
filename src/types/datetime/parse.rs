//! Text to numbers: everything Postgres's date and time input reads, save Julian fractions and
//! zones in POSIX form.
//! <https://www.postgresql.org/docs/15/datetime-input-rules.html>

use super::format::{DAYS, MONTHS};
use super::token::{Token, tokens};
use super::{
    Civil, DATE_INFINITY, DATE_NEG_INFINITY, DAY, HOUR, INFINITY, JULIAN_1970, MINUTE,
    NEG_INFINITY, SECOND, TimeTz, date_in_range, days_from_civil, days_in_month, in_range, zone,
};
use crate::types::Error;
use crate::types::style::{DateOrder, Style};
use jiff::tz::TimeZone;
use std::sync::LazyLock;

/// The settings stored text is read and written with.
pub(in crate::types) static LENIENT: LazyLock<Style> = LazyLock::new(Style::default);

/// Reads a date.
///
/// # Errors
/// The text is no date, or one out of range.
pub fn parse_date(text: &str, style: &Style) -> Result<i32, Error> {
    let parsed = Parsed::read(text, style, "date")?;
    match parsed.special {
        Some(Special::Infinity) => return Ok(DATE_INFINITY),
        Some(Special::NegInfinity) => return Ok(DATE_NEG_INFINITY),
        Some(Special::Moment(us)) => {
            return Ok(super::date_from_timestamp(zone::to_local(us, &style.time_zone)));
        }
        None => {}
    }
    let days = parsed.days.ok_or_else(|| Fault::Syntax.of("date", text))?;
    i32::try_from(days)
        .ok()
        .filter(|_| date_in_range(days))
        .ok_or_else(|| Error::DatetimeRange { ty: "date", text: Some(text.to_owned()) })
}

/// Reads a time of day; a date and a zone are passed over.
///
/// # Errors
/// The text is no time, or one out of range.
pub fn parse_time(text: &str, style: &Style) -> Result<i64, Error> {
    let parsed = Parsed::read_time(text, style, "time")?;
    match (parsed.special, parsed.time) {
        (Some(Special::Moment(us)), _) => Ok(Civil::of(zone::to_local(us, &style.time_zone)).time),
        (None, Some(time)) => Ok(time),
        _ => Err(Fault::Syntax.of("time", text)),
    }
}

/// Reads a time of day with its zone; the session's zone today when there is none.
///
/// # Errors
/// The text is no time, or one out of range.
pub fn parse_timetz(text: &str, style: &Style) -> Result<TimeTz, Error> {
    let parsed = Parsed::read_time(text, style, "time with time zone")?;
    if let Some(Special::Moment(us)) = parsed.special {
        let offset = zone::offset_at(us, &style.time_zone);
        return Ok(TimeTz { time: Civil::of(us + i64::from(offset) * SECOND).time, offset });
    }
    let time = match parsed.time {
        Some(time) if parsed.special.is_none() => time,
        _ => return Err(Fault::Syntax.of("time with time zone", text)),
    };
    let days = parsed.days.unwrap_or_else(|| style.now().div_euclid(DAY));
    let offset = match &parsed.zone {
        Some(Zone::Fixed(offset)) => *offset,
        Some(Zone::Named(zone)) => zone::local_offset(days.saturating_mul(DAY) + time, zone),
        None => zone::local_offset(days.saturating_mul(DAY).saturating_add(time), &style.time_zone),
    };
    Ok(TimeTz { time, offset })
}

/// Reads a timestamp; a zone is passed over.
///
/// # Errors
/// The text is no timestamp, or one out of range.
pub fn parse_timestamp(text: &str, style: &Style) -> Result<i64, Error> {
    let parsed = Parsed::read(text, style, "timestamp")?;
    match parsed.special {
        Some(Special::Moment(us)) => Ok(zone::to_local(us, &style.time_zone)),
        _ => parsed.wall_clock(text, "timestamp"),
    }
}

/// Reads a moment; the session's zone counts when the text names none.
///
/// # Errors
/// The text is no timestamp, or one out of range.
pub fn parse_timestamptz(text: &str, style: &Style) -> Result<i64, Error> {
    let parsed = Parsed::read(text, style, "timestamp with time zone")?;
    if let Some(Special::Moment(us)) = parsed.special {
        return Ok(us);
    }
    let local = parsed.wall_clock(text, "timestamp with time zone")?;
    let moment = match &parsed.zone {
        _ if super::is_infinite(local) => return Ok(local),
        Some(Zone::Fixed(offset)) => local.checked_sub(i64::from(*offset) * SECOND),
        Some(Zone::Named(zone)) => zone::to_utc(local, zone).ok(),
        None => zone::to_utc(local, &style.time_zone).ok(),
    };
    moment.filter(|us| in_range(*us)).ok_or_else(|| beyond(text))
}

/// Reads stored text in any form but the words that mean the clock's time.
pub(super) fn lenient(text: &[u8], utc: bool) -> Option<i64> {
    let text = std::str::from_utf8(text).ok().filter(|text| is_fixed(text))?;
    if utc { parse_timestamptz(text, &LENIENT) } else { parse_timestamp(text, &LENIENT) }.ok()
}

/// Whether a text means the same whenever it is read: `today` does not.
pub(super) fn is_fixed(text: &str) -> bool {
    let lower = text.to_ascii_lowercase();
    !["now", "today", "tomorrow", "yesterday"].iter().any(|word| lower.contains(word))
}

#[derive(Clone, Copy)]
enum Special {
    Infinity,
    NegInfinity,
    /// A moment in UTC: `now`, `epoch`.
    Moment(i64),
}

enum Zone {
    Fixed(i32),
    Named(TimeZone),
}

/// What is wrong with a text.
enum Fault {
    Syntax,
    Field,
    Displacement,
    UnknownZone(String),
}

impl Fault {
    fn of(self, ty: &'static str, text: &str) -> Error {
        let text = text.to_owned();
        match self {
            Self::Syntax => Error::DatetimeSyntax { ty, text },
            Self::Field => Error::DatetimeField { text },
            Self::Displacement => Error::ZoneDisplacement { text },
            Self::UnknownZone(name) => Error::UnknownZone { name },
        }
    }
}

fn beyond(text: &str) -> Error {
    Error::DatetimeRange { ty: "timestamp", text: Some(text.to_owned()) }
}

#[derive(Default)]
struct Parsed {
    days: Option<i64>,
    time: Option<i64>,
    zone: Option<Zone>,
    special: Option<Special>,
}

impl Parsed {
    fn read(text: &str, style: &Style, ty: &'static str) -> Result<Self, Error> {
        Reader::new(style).read(text).map_err(|fault| fault.of(ty, text))
    }

    /// A time of day needs no date, unless its zone's offset depends on one.
    fn read_time(text: &str, style: &Style, ty: &'static str) -> Result<Self, Error> {
        let reader = Reader { time_only: true, ..Reader::new(style) };
        let parsed = reader.read(text).map_err(|fault| fault.of(ty, text))?;
        match parsed.zone {
            Some(Zone::Named(_)) if parsed.days.is_none() => Err(Fault::Syntax.of(ty, text)),
            _ => Ok(parsed),
        }
    }

    fn wall_clock(&self, text: &str, ty: &'static str) -> Result<i64, Error> {
        match self.special {
            Some(Special::Infinity) => return Ok(INFINITY),
            Some(Special::NegInfinity) => return Ok(NEG_INFINITY),
            _ => {}
        }
        let days = self.days.ok_or_else(|| Fault::Syntax.of(ty, text))?;
        days.checked_mul(DAY)
            .and_then(|us| us.checked_add(self.time.unwrap_or(0)))
            .filter(|us| in_range(*us))
            .ok_or_else(|| beyond(text))
    }
}

/// Fields as they are met.
struct Reader<'a> {
    style: &'a Style,
    year: Option<i32>,
    /// The year had one or two digits.
    short_year: bool,
    month: Option<u8>,
    /// The month was a name.
    named_month: bool,
    day: Option<u8>,
    day_of_year: Option<i32>,
    bc: bool,
    afternoon: Option<bool>,
    /// `T` or `J` stood before the next number.
    prefix: Option<u8>,
    /// Digits alone are a time, not a date.
    time_only: bool,
    out: Parsed,
}

impl<'a> Reader<'a> {
    fn new(style: &'a Style) -> Self {
        Self {
            style,
            year: None,
            short_year: false,
            month: None,
            named_month: false,
            day: None,
            day_of_year: None,
            bc: false,
            afternoon: None,
            prefix: None,
            time_only: false,
            out: Parsed::default(),
        }
    }

    fn read(mut self, text: &str) -> Result<Parsed, Fault> {
        let tokens = tokens(text).ok_or(Fault::Syntax)?;
        if tokens.is_empty() {
            return Err(Fault::Syntax);
        }
        for token in tokens {
            match token {
                Token::Date(text) if self.has_date() => self.time_and_zone(text)?,
                Token::Date(text) => self.date(text)?,
                Token::Time(text) => self.time(text)?,
                Token::Number(text) => self.number(text)?,
                Token::Offset(text) => self.offset(text)?,
                Token::Word(text) => self.word(text)?,
            }
        }
        self.finish()
    }

    fn has_date(&self) -> bool {
        self.out.days.is_some()
            || self.year.is_some() && self.month.is_some() && self.day.is_some()
            || self.year.is_some() && self.day_of_year.is_some()
    }

    fn finish(mut self) -> Result<Parsed, Fault> {
        if self.prefix.is_some() {
            return Err(Fault::Syntax);
        }
        if let Some(afternoon) = self.afternoon {
            let time = self.out.time.ok_or(Fault::Syntax)?;
            self.out.time = Some(twelve_hours(time, afternoon)?);
        }
        if self.year.is_some() || self.month.is_some() || self.day.is_some() {
            self.out.days = Some(self.days()?);
        } else if self.bc {
            return Err(Fault::Syntax);
        }
        Ok(self.out)
    }

    fn days(&self) -> Result<i64, Fault> {
        let year = self.full_year()?;
        if let Some(day) = self.day_of_year {
            let within = day >= 1 && day <= 365 + i32::from(super::is_leap(year));
            return match within {
                true => Ok(days_from_civil(year, 1, 1) + i64::from(day) - 1),
                false => Err(Fault::Field),
            };
        }
        let (month, day) = self.month.zip(self.day).ok_or(Fault::Syntax)?;
        let valid = (1..=12).contains(&month)
            && day >= 1
            && day <= days_in_month(year, month)
            && self.out.days.is_none();
        if valid { Ok(days_from_civil(year, month, day)) } else { Err(Fault::Field) }
    }

    /// The astronomical year.
    fn full_year(&self) -> Result<i32, Fault> {
        match self.year.ok_or(Fault::Syntax)? {
            year if self.bc && year > 0 => Ok(1 - year),
            year if self.short_year && year < 70 => Ok(year + 2000),
            year if self.short_year => Ok(year + 1900),
            year if year > 0 => Ok(year),
            _ => Err(Fault::Field),
        }
    }

    /// Parts with delimiters; a month's name is looked for first.
    fn date(&mut self, text: &str) -> Result<(), Fault> {
        let mut numbers = Vec::with_capacity(3);
        for part in text.split(['-', '/', '.']) {
            if part.starts_with(|c: char| c.is_ascii_digit()) {
                numbers.push(part);
            } else {
                self.month_name(part)?;
            }
        }
        match *numbers {
            [year, day] if !self.named_month && year.len() >= 4 && day.len() == 3 => {
                self.year = Some(parse(year)?);
                self.day_of_year = Some(parse(day)?);
                Ok(())
            }
            _ => numbers.into_iter().try_for_each(|part| self.date_number(part)),
        }
    }

    fn month_name(&mut self, word: &str) -> Result<(), Fault> {
        let month = month(word).ok_or(Fault::Syntax)?;
        // `Jan 8` after a number taken for a month: that number was the day.
        if let Some(earlier) = self.month.filter(|_| !self.named_month && self.day.is_none()) {
            self.day = Some(earlier);
        } else if self.month.is_some() {
            return Err(Fault::Syntax);
        }
        self.month = Some(month);
        self.named_month = true;
        Ok(())
    }

    /// One number of a date: which part it is depends on those before it and on `DateStyle`.
    fn date_number(&mut self, text: &str) -> Result<(), Fault> {
        let long = text.len() >= 3;
        let order = self.style.date_order;
        let slot = match (self.year.is_some(), self.month.is_some(), self.day.is_some()) {
            (false, _, _) if long => Slot::Year,
            (false, false, false) => match order {
                DateOrder::Ymd => Slot::Year,
                DateOrder::Dmy => Slot::Day,
                DateOrder::Mdy => Slot::Month,
            },
            (false, true, false) if self.named_month && order == DateOrder::Ymd => Slot::Year,
            (_, true, false) => Slot::Day,
            (_, false, _) => Slot::Month,
            (false, true, true) => Slot::Year,
            (true, true, true) => return Err(Fault::Syntax),
        };
        match slot {
            Slot::Year => {
                self.year = Some(parse(text)?);
                self.short_year = !long;
            }
            Slot::Month => self.month = Some(small(text)?),
            Slot::Day => self.day = Some(small(text)?),
        }
        Ok(())
    }

    fn number(&mut self, text: &str) -> Result<(), Fault> {
        let (whole, fraction) = text.split_once('.').map_or((text, None), |(w, f)| (w, Some(f)));
        match self.prefix.take() {
            Some(b'j') => {
                let julian: i64 = whole.parse().map_err(|_too_long| Fault::Field)?;
                self.out.days = Some(julian - i64::from(JULIAN_1970));
                return Ok(());
            }
            Some(_) => return self.digits_time(whole, fraction),
            None => {}
        }
        match fraction {
            _ if self.time_only && whole.len() >= 4 => self.digits_time(whole, fraction),
            Some(_) if !self.has_date() => self.date(text),
            Some(_) if whole.len() > 2 => self.digits_time(whole, fraction),
            None if whole.len() >= 6 && !self.has_date() => self.digits_date(whole),
            None if whole.len() >= 4 && self.has_date() => self.digits_time(whole, None),
            Some(_) => self.date(text),
            None => self.date_number(whole),
        }
    }

    /// `YYYYMMDD` or `YYMMDD`
    fn digits_date(&mut self, text: &str) -> Result<(), Fault> {
        let cut = text.len() - 4;
        let (year, rest) = text.split_at_checked(cut).ok_or(Fault::Syntax)?;
        let (month, day) = rest.split_at_checked(2).ok_or(Fault::Syntax)?;
        self.year = Some(parse(year)?);
        self.short_year = cut <= 2;
        self.month = Some(small(month)?);
        self.day = Some(small(day)?);
        Ok(())
    }

    /// `HHMMSS[.f]` or `HHMM`; after a `T` also `HH`.
    fn digits_time(&mut self, text: &str, fraction: Option<&str>) -> Result<(), Fault> {
        let part = |range| text.get(range).map_or(Ok(0), small).map(i64::from);
        let (hour, minute, second) = match text.len() {
            6 => (part(0..2)?, part(2..4)?, part(4..6)?),
            4 => (part(0..2)?, part(2..4)?, 0),
            2 => (part(0..2)?, 0, 0),
            _ => return Err(Fault::Syntax),
        };
        self.set_time(hour, minute, second, micros(fraction.unwrap_or_default())?)
    }

    fn time(&mut self, text: &str) -> Result<(), Fault> {
        if self.prefix.take() == Some(b'j') {
            return Err(Fault::Syntax);
        }
        let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
        let mut parts = whole.split(':').map(|part| parse(part).map(i64::from));
        let (hour, minute) = (parts.next().ok_or(Fault::Syntax)??, parts.next());
        let minute = minute.ok_or(Fault::Syntax)??;
        let second = parts.next().transpose()?;
        if parts.next().is_some() {
            return Err(Fault::Syntax);
        }
        match second {
            // `30:15.5` is minutes and seconds.
            None if !fraction.is_empty() => self.set_time(0, hour, minute, micros(fraction)?),
            _ => self.set_time(hour, minute, second.unwrap_or(0), micros(fraction)?),
        }
    }

    fn set_time(&mut self, hour: i64, minute: i64, second: i64, us: i64) -> Result<(), Fault> {
        if self.out.time.is_some() {
            return Err(Fault::Syntax);
        }
        let time = hour.saturating_mul(HOUR) + minute.min(99) * MINUTE + second.min(99) * SECOND;
        if hour > 24 || minute > 59 || second > 60 || time + us > DAY {
            return Err(Fault::Field);
        }
        self.out.time = Some(time + us);
        Ok(())
    }

    /// `040506-08`: a time and its offset without colons.
    fn time_and_zone(&mut self, text: &str) -> Result<(), Fault> {
        let cut = text.find('-').ok_or(Fault::Syntax)?;
        let (time, offset) = text.split_at_checked(cut).ok_or(Fault::Syntax)?;
        self.prefix = None;
        self.digits_time(time, None)?;
        self.offset(offset)
    }

    fn offset(&mut self, text: &str) -> Result<(), Fault> {
        let offset = zone::numeric(text).ok_or(Fault::Syntax)?;
        if offset.abs() >= 16 * 3600 {
            return Err(Fault::Displacement);
        }
        self.set_zone(Zone::Fixed(offset))
    }

    fn set_zone(&mut self, zone: Zone) -> Result<(), Fault> {
        if self.out.zone.is_some() {
            return Err(Fault::Syntax);
        }
        self.out.zone = Some(zone);
        Ok(())
    }

    fn word(&mut self, text: &str) -> Result<(), Fault> {
        let lower = text.to_ascii_lowercase();
        if month(&lower).is_some() {
            return self.month_name(&lower);
        }
        match lower.as_str() {
            "t" | "j" if self.prefix.is_none() => self.prefix = lower.bytes().next(),
            "am" | "pm" => self.afternoon = Some(lower == "pm"),
            "bc" => self.bc = true,
            "ad" | "at" | "on" => {}
            "infinity" | "+infinity" => self.out.special = Some(Special::Infinity),
            "-infinity" => self.out.special = Some(Special::NegInfinity),
            "epoch" => self.out.special = Some(Special::Moment(0)),
            "now" => self.out.special = Some(Special::Moment(self.style.now())),
            "today" => self.relative_day(0),
            "tomorrow" => self.relative_day(1),
            "yesterday" => self.relative_day(-1),
            "allballs" => {
                self.out.time = Some(0);
                self.out.zone = Some(Zone::Fixed(0));
            }
            _ if is_weekday(&lower) => {}
            _ => return self.zone_name(text),
        }
        Ok(())
    }

    fn relative_day(&mut self, offset: i64) {
        let local = zone::to_local(self.style.now(), &self.style.time_zone);
        self.out.days = Some(local.div_euclid(DAY) + offset);
    }

    fn zone_name(&mut self, name: &str) -> Result<(), Fault> {
        if let Some(offset) = zone::abbreviation(name) {
            return self.set_zone(Zone::Fixed(offset));
        }
        match TimeZone::get(name) {
            Ok(zone) => self.set_zone(Zone::Named(zone)),
            Err(_) if name.contains('/') => Err(Fault::UnknownZone(name.to_ascii_lowercase())),
            Err(_) => Err(Fault::Syntax),
        }
    }
}

enum Slot {
    Year,
    Month,
    Day,
}

fn twelve_hours(time: i64, afternoon: bool) -> Result<i64, Fault> {
    match (time / HOUR, afternoon) {
        (13.., _) => Err(Fault::Field),
        (12, false) => Ok(time - 12 * HOUR),
        (12, true) | (_, false) => Ok(time),
        (_, true) => Ok(time + 12 * HOUR),
    }
}

/// 1 to 12 for a month's name or its first three letters.
fn month(word: &str) -> Option<u8> {
    let lower = word.to_ascii_lowercase();
    if lower == "sept" {
        return Some(9);
    }
    let index = MONTHS.iter().position(|month| named(&lower, month, MONTH_ENDS))?;
    u8::try_from(index + 1).ok()
}

fn is_weekday(lower: &str) -> bool {
    DAYS.iter().any(|day| named(lower, day, DAY_ENDS))
        || ["tues", "wednes", "weds", "thur", "thurs"].contains(&lower)
}

/// Whether a word is a short name, alone or with its ending.
fn named(lower: &str, short: &str, ends: &[&str]) -> bool {
    let Some((head, tail)) = lower.split_at_checked(3) else { return false };
    head.eq_ignore_ascii_case(short) && (tail.is_empty() || ends.contains(&tail))
}

const MONTH_ENDS: &[&str] =
    &["uary", "ruary", "ch", "il", "e", "y", "ust", "tember", "ober", "ember"];
const DAY_ENDS: &[&str] = &["day", "sday", "nesday", "rsday", "urday"];

fn parse(text: &str) -> Result<i32, Fault> {
    if text.is_empty() || !text.bytes().all(|b| b.is_ascii_digit()) {
        return Err(Fault::Syntax);
    }
    text.parse().map_err(|_too_large| Fault::Field)
}

fn small(text: &str) -> Result<u8, Fault> {
    u8::try_from(parse(text)?).map_err(|_too_large| Fault::Field)
}

/// Digits after the point to microseconds. Beyond six digits Postgres goes through a double and
/// rounds half to even, and so does this.
pub(in crate::types) fn fraction_micros(digits: &str) -> Option<i64> {
    if !digits.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    if digits.len() > 6 {
        let fraction: f64 = format!("0.{digits}").parse().ok()?;
        return Some((fraction * 1e6).round_ties_even() as i64);
    }
    let micros = digits.bytes().fold(0, |sum, digit| sum * 10 + i64::from(digit - b'0'));
    Some(micros * 10_i64.pow(6 - digits.len() as u32))
}

fn micros(digits: &str) -> Result<i64, Fault> {
    fraction_micros(digits).ok_or(Fault::Syntax)
}
