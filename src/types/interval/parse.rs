//! Text to intervals.

use super::Interval;
use crate::types::Error;
use crate::types::datetime::{DAY, HOUR, MINUTE, SECOND, fraction_micros};

pub(super) fn interval(text: &str) -> Result<Interval, Error> {
    let trimmed = text.trim();
    let result = match trimmed.strip_prefix('P') {
        Some(rest) => iso8601(rest),
        None => Reader::default().read(trimmed),
    };
    result.map_err(|fault| fault.of(text))
}

/// What is wrong with a text.
enum Fault {
    Syntax,
    /// A field overflows.
    Range,
    /// The sum of the fields does.
    Sum,
}

impl Fault {
    fn of(self, text: &str) -> Error {
        let text = text.to_owned();
        match self {
            Self::Syntax => Error::DatetimeSyntax { ty: "interval", text },
            Self::Range => Error::IntervalField { text },
            Self::Sum => Error::DatetimeRange { ty: "interval", text: None },
        }
    }
}

/// A number in parts, so that fractions stay exact.
#[derive(Clone, Copy)]
struct Number {
    negative: bool,
    whole: i64,
    /// Below 1, without sign.
    fraction: f64,
    /// The fraction in millionths.
    micros: i64,
}

impl Number {
    fn parse(text: &str) -> Result<Self, Fault> {
        let (negative, digits) = match text.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, text.strip_prefix('+').unwrap_or(text)),
        };
        let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
        if whole.is_empty() && fraction.is_empty() || !all_digits(whole) || !all_digits(fraction) {
            return Err(Fault::Syntax);
        }
        let parsed: i64 =
            if whole.is_empty() { 0 } else { whole.parse().map_err(|_too_large| Fault::Range)? };
        Ok(Self {
            negative,
            whole: if negative { -parsed } else { parsed },
            fraction: format!("0.{fraction}0").parse().map_err(|_never| Fault::Syntax)?,
            micros: fraction_micros(fraction).ok_or(Fault::Syntax)?,
        })
    }

    fn signed_fraction(self) -> f64 {
        if self.negative { -self.fraction } else { self.fraction }
    }

    /// The number times a unit of time.
    fn micros_of(self, unit: i64) -> Result<i64, Fault> {
        let whole = self.whole.checked_mul(unit).ok_or(Fault::Range)?;
        let part = match unit {
            SECOND if self.negative => -self.micros,
            SECOND => self.micros,
            _ => (self.signed_fraction() * unit as f64).round_ties_even() as i64,
        };
        whole.checked_add(part).ok_or(Fault::Range)
    }
}

fn all_digits(text: &str) -> bool {
    text.bytes().all(|b| b.is_ascii_digit())
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Unit {
    /// Of so many microseconds.
    Time(i64),
    /// Of so many days.
    Days(i64),
    /// Of so many months.
    Months(i64),
}

impl Interval {
    fn accumulate(&mut self, number: Number, unit: Unit) -> Result<(), Fault> {
        match unit {
            Unit::Time(size) => self.add_micros(number.micros_of(size)?),
            Unit::Days(size) => {
                self.add_days(number.whole.checked_mul(size).ok_or(Fault::Range)?)?;
                self.add_day_fraction(number.signed_fraction() * size as f64)
            }
            Unit::Months(1) => {
                self.add_months(number.whole)?;
                self.add_day_fraction(number.signed_fraction() * 30.0)
            }
            Unit::Months(size) => {
                let years = number.whole.checked_mul(size / 12).ok_or(Fault::Range)?;
                let fits = i32::try_from(years).is_ok();
                let months = number.whole.checked_mul(size).ok_or(Fault::Range)?;
                self.add_months(months).map_err(|range| if fits { Fault::Sum } else { range })?;
                self.add_months((number.signed_fraction() * size as f64).round_ties_even() as i64)
            }
        }
    }

    fn add_months(&mut self, months: i64) -> Result<(), Fault> {
        let sum = i64::from(self.months).checked_add(months).ok_or(Fault::Range)?;
        self.months = i32::try_from(sum).map_err(|_overflow| Fault::Range)?;
        Ok(())
    }

    fn add_days(&mut self, days: i64) -> Result<(), Fault> {
        let sum = i64::from(self.days).checked_add(days).ok_or(Fault::Range)?;
        self.days = i32::try_from(sum).map_err(|_overflow| Fault::Range)?;
        Ok(())
    }

    fn add_micros(&mut self, micros: i64) -> Result<(), Fault> {
        self.micros = self.micros.checked_add(micros).ok_or(Fault::Range)?;
        Ok(())
    }

    /// Whole days stay days, the rest becomes time.
    fn add_day_fraction(&mut self, days: f64) -> Result<(), Fault> {
        self.add_days(days.trunc() as i64)?;
        self.add_micros((days.fract() * DAY as f64).round_ties_even() as i64)
    }
}

/// Numbers, units and clock times as they are met.
#[derive(Default)]
struct Reader {
    sum: Interval,
    /// A number whose unit has not come yet.
    pending: Option<Number>,
    met: bool,
    ago: bool,
    /// Units met so far.
    units: Vec<Unit>,
}

impl Reader {
    fn read(mut self, text: &str) -> Result<Interval, Fault> {
        let mut rest = text;
        loop {
            rest = rest.trim_start_matches(|c: char| c.is_ascii_whitespace() || c == '@');
            if rest.is_empty() {
                break;
            }
            let length = token_length(rest);
            let (token, tail) = rest.split_at_checked(length).ok_or(Fault::Syntax)?;
            self.token(token)?;
            rest = tail;
        }
        if let Some(number) = self.pending.take() {
            self.once(Unit::Time(SECOND))?;
            self.sum.accumulate(number, Unit::Time(SECOND))?;
        }
        match (self.met, self.ago) {
            (false, _) => Err(Fault::Syntax),
            (true, false) => Ok(self.sum),
            (true, true) => self.sum.negated().map_err(|_overflow| Fault::Range),
        }
    }

    fn token(&mut self, token: &str) -> Result<(), Fault> {
        if token.contains(':') {
            if let Some(days) = self.pending.take() {
                self.once(Unit::Days(1))?;
                self.sum.accumulate(days, Unit::Days(1))?;
            }
            self.met = true;
            for unit in [HOUR, MINUTE, SECOND] {
                self.once(Unit::Time(unit))?;
            }
            return self.sum.add_micros(clock(token)?);
        }
        if token.starts_with(|c: char| c.is_ascii_alphabetic()) {
            return self.word(&token.to_ascii_lowercase());
        }
        self.met = true;
        if let Some(at) = token.get(1..).and_then(|tail| tail.find('-')) {
            return self.years_months(token, at + 1);
        }
        // Of two numbers without a unit the first is days only before a clock time.
        if self.pending.replace(Number::parse(token)?).is_some() {
            return Err(Fault::Syntax);
        }
        Ok(())
    }

    fn word(&mut self, word: &str) -> Result<(), Fault> {
        if word == "ago" && self.met && self.pending.is_none() {
            self.ago = true;
            return Ok(());
        }
        let unit = unit(word).ok_or(Fault::Syntax)?;
        let number = self.pending.take().ok_or(Fault::Syntax)?;
        self.once(unit)?;
        self.sum.accumulate(number, unit)
    }

    /// Each unit may come once.
    fn once(&mut self, unit: Unit) -> Result<(), Fault> {
        if self.units.contains(&unit) {
            return Err(Fault::Syntax);
        }
        self.units.push(unit);
        Ok(())
    }

    /// `1-2`: years and months.
    fn years_months(&mut self, token: &str, dash: usize) -> Result<(), Fault> {
        let (years, months) = token.split_at_checked(dash).ok_or(Fault::Syntax)?;
        let years = Number::parse(years)?;
        self.once(Unit::Months(12))?;
        self.once(Unit::Months(1))?;
        let months = months.strip_prefix('-').filter(|m| all_digits(m)).ok_or(Fault::Syntax)?;
        let months: i64 = months.parse().map_err(|_too_large| Fault::Syntax)?;
        if months > 11 || years.fraction > 0.0 {
            return Err(Fault::Range);
        }
        self.sum.add_months(years.whole.checked_mul(12).ok_or(Fault::Range)?)?;
        self.sum.add_months(if years.negative { -months } else { months })
    }
}

/// A word, or a number, clock time or pair of years and months with its sign.
fn token_length(text: &str) -> usize {
    let run = |from: usize, within: &dyn Fn(u8) -> bool| {
        let tail = text.as_bytes().get(from..).unwrap_or_default();
        tail.iter().take_while(|b| within(**b)).count()
    };
    if text.starts_with(|c: char| c.is_ascii_alphabetic()) {
        return run(0, &|b| b.is_ascii_alphabetic());
    }
    let signs = usize::from(text.starts_with(['+', '-']));
    let length = signs + run(signs, &|b| b.is_ascii_digit() || matches!(b, b'.' | b':' | b'-'));
    if length > signs { length } else { text.chars().next().map_or(1, char::len_utf8) }
}

/// `[-]H:MM[:SS[.f]]`, or `MM:SS.f`.
fn clock(text: &str) -> Result<i64, Fault> {
    let (negative, body) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    let (whole, fraction) = body.split_once('.').unwrap_or((body, ""));
    let micros = fraction_micros(fraction).ok_or(Fault::Syntax)?;
    let mut parts = Vec::with_capacity(3);
    for part in whole.split(':') {
        if part.is_empty() || !all_digits(part) {
            return Err(Fault::Syntax);
        }
        parts.push(part.parse::<i64>().map_err(|_too_large| Fault::Range)?);
    }
    let (hours, minutes, seconds) = match *parts {
        [minutes, seconds] if !fraction.is_empty() => (0, minutes, seconds),
        [hours, minutes] => (hours, minutes, 0),
        [hours, minutes, seconds] => (hours, minutes, seconds),
        _ => return Err(Fault::Syntax),
    };
    if minutes > 59 || seconds > 59 {
        return Err(Fault::Range);
    }
    let total = hours
        .checked_mul(HOUR)
        .and_then(|us| us.checked_add(minutes * MINUTE + seconds * SECOND + micros))
        .ok_or(Fault::Range)?;
    Ok(if negative { -total } else { total })
}

/// What follows the `P`.
fn iso8601(text: &str) -> Result<Interval, Fault> {
    let mut sum = Interval::default();
    let mut in_time = false;
    let mut rest = text;
    let mut met = false;
    while !rest.is_empty() {
        if let Some(tail) = rest.strip_prefix('T').filter(|_| !in_time) {
            (in_time, met) = (true, true);
            rest = tail;
            continue;
        }
        let cut = rest.find(|c: char| c.is_ascii_alphabetic()).ok_or(Fault::Syntax)?;
        let (number, tail) = rest.split_at_checked(cut).ok_or(Fault::Syntax)?;
        let (letter, tail) = tail.split_at_checked(1).ok_or(Fault::Syntax)?;
        let unit = match (letter, in_time) {
            ("Y", false) => Unit::Months(12),
            ("M", false) => Unit::Months(1),
            ("W", false) => Unit::Days(7),
            ("D", false) => Unit::Days(1),
            ("H", true) => Unit::Time(HOUR),
            ("M", true) => Unit::Time(MINUTE),
            ("S", true) => Unit::Time(SECOND),
            _ => return Err(Fault::Syntax),
        };
        sum.accumulate(Number::parse(number)?, unit)?;
        rest = tail;
        met = true;
    }
    if met { Ok(sum) } else { Err(Fault::Syntax) }
}

fn unit(word: &str) -> Option<Unit> {
    UNITS.iter().find(|(_, names)| names.contains(&word)).map(|(unit, _)| *unit)
}

const UNITS: &[(Unit, &[&str])] = &[
    (Unit::Time(1), &["us", "usec", "usecs", "microsecond", "microseconds", "microsecon"]),
    (Unit::Time(1000), &["ms", "msec", "msecs", "millisecond", "milliseconds", "millisecon"]),
    (Unit::Time(SECOND), &["s", "sec", "secs", "second", "seconds"]),
    (Unit::Time(MINUTE), &["m", "min", "mins", "minute", "minutes"]),
    (Unit::Time(HOUR), &["h", "hr", "hrs", "hour", "hours"]),
    (Unit::Days(1), &["d", "day", "days"]),
    (Unit::Days(7), &["w", "week", "weeks"]),
    (Unit::Months(1), &["mon", "mons", "month", "months"]),
    (Unit::Months(3), &["qtr", "quarter"]),
    (Unit::Months(12), &["y", "yr", "yrs", "year", "years"]),
    (Unit::Months(120), &["dec", "decs", "decade", "decades"]),
    (Unit::Months(1200), &["c", "cent", "century", "centuries"]),
    (Unit::Months(12_000), &["mil", "mils", "millennium", "millennia"]),
];
