//! `to_timestamp` and `to_date`: text read by a template.
//! <https://www.postgresql.org/docs/15/functions-formatting.html>

use super::datetime::{day, moment, session_zone};
use super::format_datetime::{DAYS, MONTHS};
use super::template::{Mark, Piece, pieces};
use super::{Args, Flags, Function, Outcome};
use crate::sqlite::host::FunctionError;
use crate::types::datetime::{self, HOUR, JULIAN_1970, MINUTE, SECOND, zone};

pub(super) const FUNCTIONS: &[Function] =
    &[("pg_to_timestamp", 2, Flags::STABLE, to_timestamp), ("pg_to_date", 2, Flags::PURE, to_date)];

type Result<T> = std::result::Result<T, FunctionError>;

/// What was read, as far as it was given.
#[derive(Default)]
struct Found {
    year: Option<i64>,
    iso_year: Option<i64>,
    century: Option<i64>,
    month: Option<i64>,
    day: Option<i64>,
    day_of_year: Option<i64>,
    week: Option<i64>,
    iso_week: Option<i64>,
    iso_day: Option<i64>,
    julian: Option<i64>,
    hour: i64,
    twelve: bool,
    afternoon: Option<bool>,
    minute: i64,
    second: i64,
    micros: i64,
    seconds_of_day: Option<i64>,
    before_christ: bool,
    zone: Option<(i64, i64, i64)>,
}

fn to_timestamp(args: &Args<'_>) -> Outcome {
    let input = args.text(0)?;
    let found = read(&input, &args.text(1)?)?;
    let local =
        found.days(&input)?.saturating_mul(datetime::DAY).saturating_add(found.time(&input)?);
    match found.zone {
        Some((sign, hours, minutes)) => moment(local - sign * (hours * HOUR + minutes * MINUTE)),
        None => moment(zone::to_utc(local, &session_zone(args)?)?),
    }
}

fn to_date(args: &Args<'_>) -> Outcome {
    let input = args.text(0)?;
    let days = read(&input, &args.text(1)?)?.days(&input)?;
    let in_range = Some(days).filter(|days| datetime::date_in_range(*days));
    let out_of_range = || FunctionError::new("22008", format!("date out of range: \"{input}\""));
    day(in_range.and_then(|days| i32::try_from(days).ok()).ok_or_else(out_of_range)?)
}

fn beyond(input: &str) -> FunctionError {
    FunctionError::new("22008", format!("date/time field value out of range: \"{input}\""))
}

fn bad(value: &str, name: &str) -> FunctionError {
    FunctionError::new("22007", format!("invalid value \"{value}\" for \"{name}\""))
}

impl Found {
    /// Days since 1970.
    fn days(&self, input: &str) -> Result<i64> {
        if let Some(julian) = self.julian {
            return Ok(julian - i64::from(JULIAN_1970));
        }
        let year = self.astronomical_year();
        let start = |year: i64| {
            let year = i32::try_from(year).map_err(|_error| beyond(input))?;
            Ok::<_, FunctionError>(datetime::days_from_civil(year, 1, 1))
        };
        if let Some(week) = self.iso_week {
            // Week 1 holds the fourth of January.
            let fourth = start(self.iso_year.unwrap_or(year))? + 3;
            let monday = fourth - (datetime::day_of_week(fourth) + 6) % 7;
            return Ok(monday + (week - 1) * 7 + self.iso_day.unwrap_or(1) - 1);
        }
        if let Some(day) = self.day_of_year.or(self.week.map(|week| (week - 1) * 7 + 1)) {
            return Ok(start(year)? + day - 1);
        }
        let (month, day) = (self.month.unwrap_or(1), self.day.unwrap_or(1));
        let year = i32::try_from(year).map_err(|_error| beyond(input))?;
        let (Ok(month), Ok(day)) = (u8::try_from(month), u8::try_from(day)) else {
            return Err(beyond(input));
        };
        let valid = (1..=12).contains(&month)
            && (1..=datetime::days_in_month(year, month.clamp(1, 12))).contains(&day);
        if valid { Ok(datetime::days_from_civil(year, month, day)) } else { Err(beyond(input)) }
    }

    /// 0 is 1 BC; nothing given is year 0 of the template, which Postgres takes for 1 BC.
    fn astronomical_year(&self) -> i64 {
        let year = match (self.year, self.century) {
            (Some(year), Some(century)) if year < 100 => (century - 1) * 100 + year,
            (None, Some(century)) => (century - 1) * 100 + 1,
            (year, _) => year.unwrap_or(0),
        };
        if self.before_christ && year > 0 {
            1 - year
        } else if year < 0 {
            year + 1
        } else {
            year
        }
    }

    /// Microseconds since midnight.
    fn time(&self, input: &str) -> Result<i64> {
        let mut hour = self.hour;
        if self.twelve {
            if !(1..=12).contains(&hour) {
                let message = format!("hour \"{hour}\" is invalid for the 12-hour clock");
                return Err(FunctionError::new("22007", message));
            }
            hour = hour % 12 + if self.afternoon == Some(true) { 12 } else { 0 };
        }
        if let Some(seconds) = self.seconds_of_day {
            return Ok(seconds * SECOND + self.micros);
        }
        let valid = hour <= 24 && self.minute < 60 && self.second < 60;
        if !valid {
            return Err(beyond(input));
        }
        Ok(hour * HOUR + self.minute * MINUTE + self.second * SECOND + self.micros)
    }
}

fn read(input: &str, template: &str) -> Result<Found> {
    let pieces = pieces(template);
    let mut found = Found::default();
    let mut reader = Reader { rest: input };
    for (i, piece) in pieces.iter().enumerate() {
        match piece {
            Piece::Text(_) => reader.skip_one(),
            Piece::Separator(_) => reader.skip_separator(),
            Piece::Field(mark) => {
                reader.rest = reader.rest.trim_start();
                if reader.rest.is_empty() {
                    break;
                }
                let bounded = matches!(pieces.get(i + 1), Some(Piece::Field(next))
                    if shows_digits(next.name))
                    && !mark.fill;
                reader.field(*mark, bounded, &mut found)?;
            }
        }
    }
    Ok(found)
}

fn shows_digits(name: &str) -> bool {
    !matches!(name, "MONTH" | "MON" | "DAY" | "DY" | "AM" | "PM" | "AD" | "BC" | "RM")
}

/// The digits a field may have when another follows at once.
fn width(name: &str) -> usize {
    match name {
        "YYYY" | "IYYY" => 4,
        "YYY" | "IYY" | "DDD" | "IDDD" | "MS" | "FF3" => 3,
        "US" | "FF6" => 6,
        "FF5" | "SSSSS" | "SSSS" => 5,
        "FF4" => 4,
        "J" => 7,
        "Y" | "I" | "D" | "ID" | "Q" | "W" | "FF1" => 1,
        _ => 2,
    }
}

struct Reader<'a> {
    rest: &'a str,
}

impl<'a> Reader<'a> {
    fn skip_one(&mut self) {
        let mut characters = self.rest.chars();
        characters.next();
        self.rest = characters.as_str();
    }

    fn skip_separator(&mut self) {
        if self.rest.starts_with(|c: char| !c.is_alphanumeric() && c != '-' && c != '+')
            || self.rest.starts_with('-')
        {
            self.skip_one();
        }
    }

    /// A number of so many digits, or of all there are; and how many there were.
    fn number(&mut self, mark: Mark, bounded: bool) -> Result<(i64, usize)> {
        let sign = usize::from(self.rest.starts_with(['-', '+']));
        let digits = self.rest[sign..].bytes().take_while(u8::is_ascii_digit).count();
        let taken = if bounded { digits.min(width(mark.name)) } else { digits };
        let word = &self.rest[..sign + taken];
        let value = word.parse().map_err(|_error| {
            let shown: String = self.rest.chars().take(width(mark.name)).collect();
            bad(&shown, &mark.written())
        })?;
        self.rest = &self.rest[sign + taken..];
        if mark.ordinal.is_some() {
            self.rest = self.rest.get(2..).unwrap_or("");
        }
        Ok((value, taken))
    }

    /// The position of the name the input begins with.
    fn name(&mut self, names: &[&str], length_min: usize, mark: Mark) -> Result<i64> {
        let found = names.iter().position(|name| {
            let short = &name[..length_min.min(name.len())];
            self.rest.get(..short.len()).is_some_and(|head| head.eq_ignore_ascii_case(short))
        });
        let Some(at) = found else {
            let shown: String = self.rest.chars().take_while(|c| c.is_alphanumeric()).collect();
            return Err(bad(&shown, &mark.written()));
        };
        let whole = names[at];
        let full = self.rest.get(..whole.len()).is_some_and(|h| h.eq_ignore_ascii_case(whole));
        let length = if full { whole.len() } else { length_min.min(whole.len()) };
        self.rest = &self.rest[length..];
        Ok(i64::try_from(at).unwrap_or(0))
    }

    fn field(&mut self, mark: Mark, bounded: bool, found: &mut Found) -> Result<()> {
        match mark.name {
            "AM" | "PM" => found.afternoon = Some(self.name(&["AM", "PM"], 2, mark)? == 1),
            "A.M." | "P.M." => {
                found.afternoon = Some(self.name(&["A.M.", "P.M."], 4, mark)? == 1);
            }
            "AD" | "BC" => found.before_christ = self.name(&["AD", "BC"], 2, mark)? == 1,
            "A.D." | "B.C." => {
                found.before_christ = self.name(&["A.D.", "B.C."], 4, mark)? == 1;
            }
            "MONTH" => found.month = Some(self.name(&MONTHS, 9, mark)? + 1),
            "MON" => found.month = Some(self.name(&MONTHS, 3, mark)? + 1),
            "DAY" => drop(self.name(&DAYS, 9, mark)?),
            "DY" => drop(self.name(&DAYS, 3, mark)?),
            "RM" => found.month = Some(self.roman(mark)?),
            "Y,YYY" => {
                let (thousands, _) = self.number(mark, false)?;
                self.skip_one();
                found.year = Some(thousands * 1000 + self.number(mark, false)?.0);
            }
            "TZ" | "OF" => {
                let message =
                    format!("formatting field \"{}\" is only supported in to_char", mark.name);
                return Err(FunctionError::new("0A000", message));
            }
            "TZH" => {
                let sign = if self.rest.starts_with('-') { -1 } else { 1 };
                self.rest = self.rest.trim_start_matches(['-', '+']);
                found.zone = Some((sign, self.number(mark, bounded)?.0, 0));
            }
            "TZM" => {
                let minutes = self.number(mark, bounded)?.0;
                let (sign, hours, _) = found.zone.unwrap_or((1, 0, 0));
                found.zone = Some((sign, hours, minutes));
            }
            _ => {
                let (number, digits) = self.number(mark, bounded)?;
                set(mark.name, number, digits, found);
            }
        }
        Ok(())
    }

    fn roman(&mut self, mark: Mark) -> Result<i64> {
        let months = ["VIII", "VII", "III", "XII", "II", "IV", "VI", "IX", "XI", "I", "V", "X"];
        let numbers = [8, 7, 3, 12, 2, 4, 6, 9, 11, 1, 5, 10];
        let at = self.name(&months, 4, mark)?;
        Ok(usize::try_from(at).ok().and_then(|at| numbers.get(at)).copied().unwrap_or(1))
    }
}

fn set(name: &str, number: i64, digits: usize, found: &mut Found) {
    let fraction = |places: usize| {
        let missing = u32::try_from(places.saturating_sub(digits)).unwrap_or(0);
        number * 10_i64.pow(missing) * 10_i64.pow(u32::try_from(6 - places).unwrap_or(0))
    };
    match name {
        "YYYY" => found.year = Some(number),
        "YYY" | "YY" | "Y" => found.year = Some(near_2020(number, digits)),
        "IYYY" => found.iso_year = Some(number),
        "IYY" | "IY" | "I" => found.iso_year = Some(near_2020(number, digits)),
        "CC" => found.century = Some(number),
        "MM" => found.month = Some(number),
        "DD" => found.day = Some(number),
        "DDD" => found.day_of_year = Some(number),
        "WW" => found.week = Some(number),
        "IW" => found.iso_week = Some(number),
        "ID" => found.iso_day = Some(number),
        "J" => found.julian = Some(number),
        "HH24" => found.hour = number,
        "HH12" | "HH" => (found.hour, found.twelve) = (number, true),
        "MI" => found.minute = number,
        "SS" => found.second = number,
        "MS" | "FF3" => found.micros += fraction(3),
        "US" | "FF6" => found.micros += fraction(6),
        "FF1" => found.micros += fraction(1),
        "FF2" => found.micros += fraction(2),
        "FF4" => found.micros += fraction(4),
        "FF5" => found.micros += fraction(5),
        "SSSSS" | "SSSS" => found.seconds_of_day = Some(number),
        _ => {}
    }
}

/// A year in fewer than four digits is the one nearest to 2020.
fn near_2020(year: i64, digits: usize) -> i64 {
    match year {
        _ if digits > 3 => year,
        ..70 => year + 2000,
        70..100 => year + 1900,
        100..520 => year + 2000,
        520..1000 => year + 1000,
        _ => year,
    }
}
