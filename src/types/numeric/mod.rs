//! Decimal numbers of any length: `numeric`.
//!
//! What enters: text, SQLite values, Postgres's digits of base 10000. What leaves: the same.
//! <https://www.postgresql.org/docs/15/datatype-numeric.html>

use super::float::Digits;
use super::{Error, Value, ValueRef};
use std::cmp::Ordering;
use std::fmt;

/// A `numeric`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Numeric {
    /// `NaN`, greater than all others.
    NaN,
    /// `Infinity`, or `-Infinity` when true.
    Infinity(bool),
    /// A number.
    Finite(Decimal),
}

/// A finite decimal number.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Decimal {
    negative: bool,
    /// Digits 0 to 9, most significant first, no leading zeros; empty for zero.
    digits: Vec<u8>,
    /// How many of them stand after the point; may exceed their number.
    scale: usize,
}

/// Digits Postgres keeps before the point, and after it.
const WHOLE_MAX: usize = 131_072;
/// See [`WHOLE_MAX`].
const SCALE_MAX: usize = 16_383;

/// The sign word of the binary form.
const NEGATIVE: u16 = 0x4000;
const NAN: u16 = 0xC000;
const INFINITY: u16 = 0xD000;
const NEG_INFINITY: u16 = 0xF000;
/// What Postgres sends as the scale of an infinity.
const INFINITY_SCALE: u16 = 32;

impl From<i64> for Numeric {
    fn from(number: i64) -> Self {
        Self::scaled(i128::from(number), 0)
    }
}

impl Numeric {
    /// `unscaled / 10^scale`
    #[must_use]
    pub fn scaled(unscaled: i128, scale: usize) -> Self {
        let digits = unscaled.unsigned_abs().to_string().bytes().map(|b| b - b'0').collect();
        Self::Finite(Decimal { negative: unscaled < 0, digits, scale }.normal())
    }

    /// `Infinity` or `-Infinity`.
    #[must_use]
    pub const fn infinity(positive: bool) -> Self {
        Self::Infinity(!positive)
    }

    /// Reads what Postgres's input reads.
    ///
    /// # Errors
    /// The text is no number, or one too long.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let syntax = || Error::Syntax { ty: "numeric", text: text.to_owned() };
        let trimmed = text.trim_matches(|c: char| c.is_ascii_whitespace());
        if let Some(special) = special(trimmed) {
            return Ok(special);
        }
        let (negative, body) = match trimmed.as_bytes().first() {
            Some(b'-') => (true, trimmed.get(1..).unwrap_or_default()),
            Some(b'+') => (false, trimmed.get(1..).unwrap_or_default()),
            _ => (false, trimmed),
        };
        let (mantissa, exponent) = match body.find(['e', 'E']) {
            Some(at) => {
                let (mantissa, exponent) = body.split_at(at);
                (mantissa, parse_exponent(exponent.get(1..)).ok_or_else(syntax)?)
            }
            None => (body, 0),
        };
        let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        let all_digits = whole.bytes().chain(fraction.bytes()).all(|b| b.is_ascii_digit());
        if !all_digits || whole.len() + fraction.len() == 0 {
            return Err(syntax());
        }
        let digits = whole.bytes().chain(fraction.bytes()).map(|b| b - b'0').collect();
        Decimal::shifted(negative, digits, fraction.len() as i64 - i64::from(exponent))
            .map(Self::Finite)
    }

    /// Reads a stored number; `None` for a value that is none.
    #[must_use]
    pub fn from_value(value: ValueRef<'_>) -> Option<Self> {
        match value {
            ValueRef::Integer(i) => Some(Self::from(i)),
            ValueRef::Real(r) => Some(Self::from_f64(r)),
            ValueRef::Text(text) => Self::parse(std::str::from_utf8(text).ok()?).ok(),
            ValueRef::Null | ValueRef::Blob(_) => None,
        }
    }

    /// A double by its shortest digits.
    #[must_use]
    pub fn from_f64(number: f64) -> Self {
        if number.is_nan() {
            return Self::NaN;
        }
        if number.is_infinite() {
            return Self::Infinity(number < 0.0);
        }
        let Digits { negative, digits, point } = Digits::of_f64(number);
        let scale = digits.len() as i64 - i64::from(point);
        let digits = digits.into_iter().map(|b| b - b'0').collect();
        Decimal::shifted(negative, digits, scale).map_or(Self::NaN, Self::Finite)
    }

    /// The form inside SQLite: INTEGER, or REAL when 15 digits say it exactly, otherwise TEXT. Zeros
    /// at the end of its fraction are said by TEXT only.
    #[must_use]
    pub fn to_value(&self) -> Value {
        let Self::Finite(decimal) = self else { return Value::Text(self.to_string()) };
        let plain = decimal.clone().stripped();
        if plain.scale != decimal.scale {
            return Value::Text(self.to_string());
        }
        if plain.scale == 0
            && let Ok(integer) = Self::Finite(plain.clone()).to_string().parse()
        {
            return Value::Integer(integer);
        }
        let significant = plain.significant();
        match Self::Finite(plain).to_string().parse::<f64>() {
            Ok(real) if significant <= 15 && real.is_normal() => Value::Real(real),
            _ => Value::Text(self.to_string()),
        }
    }

    /// The nearest double.
    #[must_use]
    pub fn to_f64(&self) -> f64 {
        match self {
            Self::NaN => f64::NAN,
            Self::Infinity(negative) => {
                if *negative {
                    f64::NEG_INFINITY
                } else {
                    f64::INFINITY
                }
            }
            Self::Finite(_) => self.to_string().parse().unwrap_or(f64::NAN),
        }
    }

    /// The integer, rounded half away from zero; `None` beyond 64 bits.
    #[must_use]
    pub fn to_i64(&self) -> Option<i64> {
        match self {
            Self::Finite(_) => self.rounded(0).to_string().parse().ok(),
            Self::NaN | Self::Infinity(_) => None,
        }
    }

    /// Digits after the point.
    #[must_use]
    pub fn scale(&self) -> usize {
        match self {
            Self::Finite(decimal) => decimal.scale,
            Self::NaN | Self::Infinity(_) => 0,
        }
    }

    /// Digits from the first to the last that is not zero.
    #[must_use]
    pub fn significant(&self) -> usize {
        match self {
            Self::Finite(decimal) => decimal.significant(),
            Self::NaN | Self::Infinity(_) => 0,
        }
    }

    /// Whether it is less than zero.
    #[must_use]
    pub fn is_negative(&self) -> bool {
        match self {
            Self::Finite(decimal) => decimal.negative,
            Self::Infinity(negative) => *negative,
            Self::NaN => false,
        }
    }

    /// Whether it is zero.
    #[must_use]
    pub fn is_zero(&self) -> bool {
        matches!(self, Self::Finite(decimal) if decimal.digits.is_empty())
    }

    /// `round(x, scale)`: half away from zero; a negative scale rounds before the point.
    #[must_use]
    pub fn rounded(&self, scale: i32) -> Self {
        self.cut(scale, true)
    }

    /// `trunc(x, scale)`
    #[must_use]
    pub fn truncated(&self, scale: i32) -> Self {
        self.cut(scale, false)
    }

    /// Without zeros at the end of its fraction: `trim_scale`.
    #[must_use]
    pub fn trimmed(&self) -> Self {
        match self {
            Self::Finite(decimal) => Self::Finite(decimal.clone().stripped()),
            other => other.clone(),
        }
    }

    fn cut(&self, scale: i32, round: bool) -> Self {
        match self {
            Self::Finite(decimal) => Self::Finite(decimal.cut(i64::from(scale), round)),
            other => other.clone(),
        }
    }

    /// Rounds to a `numeric(p,s)`; a modifier of -1 changes nothing.
    ///
    /// # Errors
    /// It has too many digits before the point.
    pub fn fit(&self, typmod: i32) -> Result<Self, Error> {
        let Some((precision, scale)) = precision_scale(typmod) else { return Ok(self.clone()) };
        let overflow = || Error::NumericOverflow { precision, scale };
        match self {
            Self::NaN => Ok(Self::NaN),
            Self::Infinity(_) => Err(overflow()),
            Self::Finite(decimal) => {
                let cut = decimal.cut(i64::from(scale), true);
                let whole = cut.digits.len() as i64 - cut.scale as i64;
                let fits = cut.digits.is_empty() || whole <= i64::from(precision - scale);
                if fits { Ok(Self::Finite(cut)) } else { Err(overflow()) }
            }
        }
    }

    /// Order by value; unlike `==`, numbers that differ in scale only are equal.
    #[must_use]
    pub fn compare(&self, other: &Self) -> Ordering {
        let rank = |n: &Self| match n {
            Self::Infinity(true) => 0,
            Self::Finite(_) => 1,
            Self::Infinity(false) => 2,
            Self::NaN => 3,
        };
        match (self, other) {
            (Self::Finite(a), Self::Finite(b)) => a.compare(b),
            _ => rank(self).cmp(&rank(other)),
        }
    }

    /// Bytes that sort as the numbers do; those of equal numbers are equal.
    #[must_use]
    pub fn key(&self) -> Vec<u8> {
        match self {
            Self::Infinity(true) => vec![0],
            Self::Finite(decimal) => decimal.key(),
            Self::Infinity(false) => vec![4],
            Self::NaN => vec![5],
        }
    }

    /// The sign turned.
    #[must_use]
    pub fn negated(&self) -> Self {
        match self {
            Self::NaN => Self::NaN,
            Self::Infinity(negative) => Self::Infinity(!negative),
            Self::Finite(d) => {
                Self::Finite(Decimal { negative: !d.negative, ..d.clone() }.normal())
            }
        }
    }

    /// The sum.
    #[must_use]
    pub fn add(&self, other: &Self) -> Self {
        match (self, other) {
            (Self::Finite(a), Self::Finite(b)) => Self::Finite(a.add(b)),
            (Self::NaN, _) | (_, Self::NaN) => Self::NaN,
            (Self::Infinity(a), Self::Infinity(b)) if a != b => Self::NaN,
            (Self::Infinity(a), _) | (_, Self::Infinity(a)) => Self::Infinity(*a),
        }
    }

    /// The difference.
    #[must_use]
    pub fn sub(&self, other: &Self) -> Self {
        self.add(&other.negated())
    }

    /// The product; its scale is the sum of both scales.
    #[must_use]
    pub fn mul(&self, other: &Self) -> Self {
        match (self, other) {
            (Self::Finite(a), Self::Finite(b)) => Self::Finite(a.mul(b)),
            (Self::NaN, _) | (_, Self::NaN) => Self::NaN,
            _ if self.is_zero() || other.is_zero() => Self::NaN,
            _ => Self::Infinity(self.is_negative() != other.is_negative()),
        }
    }

    /// The quotient, with as many digits as Postgres gives.
    ///
    /// # Errors
    /// The divisor is zero.
    pub fn div(&self, other: &Self) -> Result<Self, Error> {
        match (self, other) {
            (Self::NaN, _) | (_, Self::NaN) => Ok(Self::NaN),
            _ if other.is_zero() => Err(Error::DivisionByZero),
            (Self::Finite(a), Self::Finite(b)) => Ok(self.divided_to(other, a.div_scale(b))),
            (Self::Infinity(_), Self::Infinity(_)) => Ok(Self::NaN),
            (Self::Infinity(a), _) => Ok(Self::Infinity(*a != other.is_negative())),
            (_, Self::Infinity(_)) => Ok(Self::from(0)),
        }
    }

    /// The remainder, with the sign of the dividend.
    ///
    /// # Errors
    /// The divisor is zero.
    pub fn rem(&self, other: &Self) -> Result<Self, Error> {
        match (self, other) {
            (Self::NaN, _) | (_, Self::NaN) => Ok(Self::NaN),
            _ if other.is_zero() => Err(Error::DivisionByZero),
            (Self::Infinity(_), _) => Ok(Self::NaN),
            (_, Self::Infinity(_)) => Ok(self.clone()),
            (Self::Finite(a), Self::Finite(b)) => {
                let quotient = Self::Finite(a.quotient(b, 0, false));
                Ok(self.sub(&quotient.mul(other)))
            }
        }
    }

    /// The quotient rounded to so many digits after the point; `NaN` for a division by zero.
    #[must_use]
    pub fn divided_to(&self, other: &Self, scale: usize) -> Self {
        match (self, other) {
            (Self::Finite(a), Self::Finite(b)) if !b.digits.is_empty() => {
                Self::Finite(a.quotient(b, scale, true))
            }
            _ => Self::NaN,
        }
    }

    /// Appends Postgres's binary form.
    pub fn write_binary(&self, out: &mut Vec<u8>) {
        match self {
            Self::NaN => header(out, (0, 0, NAN, 0)),
            Self::Infinity(false) => header(out, (0, 0, INFINITY, INFINITY_SCALE)),
            Self::Infinity(true) => header(out, (0, 0, NEG_INFINITY, INFINITY_SCALE)),
            Self::Finite(decimal) => decimal.write_binary(out),
        }
    }

    /// Reads Postgres's binary form.
    ///
    /// # Errors
    /// The bytes are no `numeric`.
    pub fn from_binary(bytes: &[u8]) -> Result<Self, Error> {
        Self::read_binary(bytes).ok_or(Error::Binary { ty: "numeric".into() })
    }

    fn read_binary(bytes: &[u8]) -> Option<Self> {
        let word = |i: usize| {
            let pair = bytes.get(2 * i..2 * i + 2)?;
            Some(u16::from_be_bytes([*pair.first()?, *pair.get(1)?]))
        };
        let (count, weight) = (usize::from(word(0)?), i64::from(word(1)?.cast_signed()));
        let (sign, scale) = (word(2)?, usize::from(word(3)?));
        match sign {
            NAN => return Some(Self::NaN),
            INFINITY => return Some(Self::Infinity(false)),
            NEG_INFINITY => return Some(Self::Infinity(true)),
            0 | NEGATIVE => {}
            _ => return None,
        }
        if bytes.len() != 8 + 2 * count || scale > SCALE_MAX {
            return None;
        }
        let mut digits = Vec::with_capacity(count * 4);
        for i in 0..count {
            let group = word(4 + i).filter(|group| *group < 10_000)?;
            for unit in [1000, 100, 10, 1] {
                digits.push((group / unit % 10) as u8);
            }
        }
        let shift = (count as i64 - 1 - weight) * 4;
        let exact = Decimal::shifted(sign == NEGATIVE, digits, shift).ok()?;
        Some(Self::Finite(exact.cut(scale as i64, false)))
    }
}

impl fmt::Display for Numeric {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NaN => f.write_str("NaN"),
            Self::Infinity(false) => f.write_str("Infinity"),
            Self::Infinity(true) => f.write_str("-Infinity"),
            Self::Finite(decimal) => f.write_str(&decimal.text()),
        }
    }
}

/// What a type modifier of a string or a number counts from: the size of a length word.
pub const TYPMOD_BASE: i32 = 4;

/// Precision and scale of a `numeric`'s type modifier.
#[must_use]
pub fn precision_scale(typmod: i32) -> Option<(i32, i32)> {
    let packed = typmod.checked_sub(TYPMOD_BASE).filter(|packed| *packed >= 0)?;
    // Eleven bits with a sign.
    Some(((packed >> 16) & 0xFFFF, ((packed & 0x7FF) ^ 1024) - 1024))
}

/// The type modifier of `numeric(precision, scale)`.
#[must_use]
pub const fn typmod(precision: i32, scale: i32) -> i32 {
    ((precision << 16) | (scale & 0x7FF)) + TYPMOD_BASE
}

/// Appends the binary form of an integer with so many zeros after the point.
pub(super) fn write_integer(out: &mut Vec<u8>, number: i64, scale: usize) {
    let mut groups = [0_u16; 5];
    let mut rest = number.unsigned_abs();
    for group in groups.iter_mut().rev() {
        *group = (rest % 10_000) as u16;
        rest /= 10_000;
    }
    let lead = groups.iter().take_while(|group| **group == 0).count();
    let trail = groups.iter().rev().take_while(|group| **group == 0).count();
    let sign = if number < 0 { NEGATIVE } else { 0 };
    let Some(digits) = groups.get(lead..groups.len() - trail) else {
        return header(out, (0, 0, 0, scale as u16));
    };
    header(out, (digits.len() as u16, 4 - lead as i16, sign, scale as u16));
    for digit in digits {
        out.extend_from_slice(&digit.to_be_bytes());
    }
}

fn special(text: &str) -> Option<Numeric> {
    Some(match text.to_ascii_lowercase().as_str() {
        "nan" => Numeric::NaN,
        "inf" | "infinity" | "+inf" | "+infinity" => Numeric::Infinity(false),
        "-inf" | "-infinity" => Numeric::Infinity(true),
        _ => return None,
    })
}

fn parse_exponent(text: Option<&str>) -> Option<i32> {
    let text = text.filter(|text| !text.is_empty())?;
    let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
    if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    // One that does not fit is too large in any case.
    Some(text.parse().unwrap_or(if text.starts_with('-') { -1_000_000_000 } else { 1_000_000_000 }))
}

fn header(out: &mut Vec<u8>, (count, weight, sign, scale): (u16, i16, u16, u16)) {
    out.extend_from_slice(&count.to_be_bytes());
    out.extend_from_slice(&weight.to_be_bytes());
    out.extend_from_slice(&sign.to_be_bytes());
    out.extend_from_slice(&scale.to_be_bytes());
}

mod decimal;
