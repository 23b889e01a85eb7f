//! Exact decimal numbers of up to 38 digits: what `numeric` calculates with.
//!
//! What enters: the inside-SQLite form of a numeric (INTEGER, REAL or TEXT). What leaves: the same.
//! A number that needs more digits is refused with 22003, never rounded in silence.
//! Result scales follow <https://www.postgresql.org/docs/15/datatype-numeric.html>.

use super::args::utf8;
use crate::sqlite::host::FunctionError;
use crate::types::{Value, ValueRef};
use std::cmp::Ordering;
use std::fmt;

/// `coefficient / 10^scale`
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Decimal {
    coefficient: i128,
    scale: u32,
}

type Result<T> = std::result::Result<T, FunctionError>;

impl Decimal {
    /// Nought.
    pub(super) const ZERO: Self = Self { coefficient: 0, scale: 0 };

    /// `coefficient / 10^scale`
    pub(super) const fn new(coefficient: i128, scale: u32) -> Self {
        Self { coefficient, scale }
    }

    /// Reads the inside-SQLite form.
    pub(super) fn from_value(value: ValueRef<'_>) -> Result<Self> {
        match value {
            ValueRef::Null => Ok(Self::ZERO),
            ValueRef::Integer(i) => Ok(Self::new(i128::from(i), 0)),
            ValueRef::Real(r) => Self::from_float(r),
            ValueRef::Text(t) | ValueRef::Blob(t) => Self::parse(utf8(t)?),
        }
    }

    /// The shortest decimal that reads back as this float.
    pub(super) fn from_float(r: f64) -> Result<Self> {
        if !r.is_finite() {
            return Err(FunctionError::new("0A000", "cannot calculate with NaN or infinity"));
        }
        Self::parse(ryu::Buffer::new().format_finite(r))
    }

    /// Reads digits with sign, point and exponent.
    pub(super) fn parse(text: &str) -> Result<Self> {
        let invalid = || invalid(text);
        let trimmed = text.trim_matches([' ', '\t', '\n', '\r', '\x0b', '\x0c']);
        let unsigned = trimmed.strip_prefix(['+', '-']).unwrap_or(trimmed);
        if ["nan", "infinity", "inf"].iter().any(|name| unsigned.eq_ignore_ascii_case(name)) {
            return Err(FunctionError::new("0A000", "cannot calculate with NaN or infinity"));
        }
        let (mantissa, exponent) = match unsigned.find(['e', 'E']) {
            Some(at) => {
                (&unsigned[..at], unsigned[at + 1..].parse::<i32>().map_err(|_error| invalid())?)
            }
            None => (unsigned, 0),
        };
        let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        let digits = whole.bytes().chain(fraction.bytes());
        if whole.len() + fraction.len() == 0 || digits.clone().any(|b| !b.is_ascii_digit()) {
            return Err(invalid());
        }
        let magnitude = digits.into_iter().try_fold(0_i128, |sum, digit| {
            sum.checked_mul(10)?.checked_add(i128::from(digit - b'0'))
        });
        let coefficient = magnitude.ok_or_else(overflow)?;
        let signed = if trimmed.starts_with('-') { -coefficient } else { coefficient };
        let scale =
            i64::try_from(fraction.len()).map_err(|_error| overflow())? - i64::from(exponent);
        Self::with_scale(signed, scale)
    }

    fn with_scale(coefficient: i128, scale: i64) -> Result<Self> {
        if let Ok(scale) = u32::try_from(scale) {
            return Ok(Self::new(coefficient, scale));
        }
        let up = u32::try_from(-scale).map_err(|_error| overflow())?;
        Ok(Self::new(shift(coefficient, up)?, 0))
    }

    /// The inside-SQLite form: INTEGER, REAL when 15 digits say it exactly, otherwise TEXT.
    pub(super) fn into_value(self) -> Value {
        let short = self.trimmed();
        if short.scale == 0
            && let Ok(i) = i64::try_from(short.coefficient)
        {
            return Value::Integer(i);
        }
        if short.coefficient.unsigned_abs() < 10_u128.pow(15) {
            return Value::Real(short.to_float());
        }
        Value::Text(short.to_string())
    }

    /// The same for quotients, which are seldom exact: the nearest float rather than TEXT, so that
    /// results compare and sort as numbers.
    pub(super) fn into_nearest(self) -> Value {
        match self.into_value() {
            Value::Text(_) => Value::Real(self.to_float()),
            value => value,
        }
    }

    /// The nearest float.
    pub(super) fn to_float(self) -> f64 {
        self.to_string().parse().unwrap_or(f64::NAN)
    }

    /// Digits after the point.
    pub(super) fn scale(self) -> u32 {
        self.scale
    }

    /// Without zeros at the end of the fraction.
    pub(super) fn trimmed(self) -> Self {
        let mut short = self;
        while short.scale > 0 && short.coefficient % 10 == 0 {
            short = Self::new(short.coefficient / 10, short.scale - 1);
        }
        short
    }

    /// -1, 0 or 1.
    pub(super) fn signum(self) -> i64 {
        match self.coefficient.cmp(&0) {
            Ordering::Less => -1,
            Ordering::Equal => 0,
            Ordering::Greater => 1,
        }
    }

    /// It is nought.
    pub(super) fn is_zero(self) -> bool {
        self.coefficient == 0
    }

    /// Without its sign.
    pub(super) fn abs(self) -> Self {
        Self::new(self.coefficient.abs(), self.scale)
    }

    /// With the other sign.
    pub(super) fn negated(self) -> Self {
        Self::new(-self.coefficient, self.scale)
    }

    fn aligned(self, other: Self) -> Result<(i128, i128, u32)> {
        let scale = self.scale.max(other.scale);
        let left = shift(self.coefficient, scale - self.scale)?;
        Ok((left, shift(other.coefficient, scale - other.scale)?, scale))
    }

    /// Sum.
    pub(super) fn add(self, other: Self) -> Result<Self> {
        let (a, b, scale) = self.aligned(other)?;
        a.checked_add(b).map(|sum| Self::new(sum, scale)).ok_or_else(overflow)
    }

    /// Difference.
    pub(super) fn sub(self, other: Self) -> Result<Self> {
        self.add(other.negated())
    }

    /// Product.
    pub(super) fn mul(self, other: Self) -> Result<Self> {
        let (a, b) = (self.trimmed(), other.trimmed());
        let product = a.coefficient.checked_mul(b.coefficient).ok_or_else(overflow)?;
        Ok(Self::new(product, a.scale + b.scale))
    }

    /// Quotient, to the scale Postgres chooses.
    pub(super) fn div(self, other: Self) -> Result<Self> {
        let scale = self.quotient_scale(other);
        self.div_to(other, scale)
    }

    /// Quotient rounded to a scale.
    pub(super) fn div_to(self, other: Self, scale: u32) -> Result<Self> {
        if other.is_zero() {
            return Err(division_by_zero());
        }
        let (a, b) = (self.trimmed(), other.trimmed());
        let up = i64::from(scale) + i64::from(b.scale) - i64::from(a.scale);
        let (top, bottom) = match u32::try_from(up) {
            Ok(up) => (shift(a.coefficient, up)?, b.coefficient),
            Err(_) => {
                let down = u32::try_from(-up).map_err(|_error| overflow())?;
                (a.coefficient, shift(b.coefficient, down)?)
            }
        };
        Ok(Self::new(rounded_quotient(top, bottom), scale))
    }

    /// Remainder, with the sign of the dividend.
    pub(super) fn rem(self, other: Self) -> Result<Self> {
        let (a, b, scale) = self.aligned(other)?;
        a.checked_rem(b).map(|rest| Self::new(rest, scale)).ok_or_else(division_by_zero)
    }

    /// Whole part of the quotient.
    pub(super) fn div_whole(self, other: Self) -> Result<Self> {
        let (a, b, _) = self.aligned(other)?;
        a.checked_div(b).map(|whole| Self::new(whole, 0)).ok_or_else(division_by_zero)
    }

    /// Rounded half away from zero; a negative number of digits rounds before the point.
    pub(super) fn round(self, digits: i64) -> Result<Self> {
        self.reduced(digits, rounded_quotient)
    }

    /// Cut toward zero.
    pub(super) fn trunc(self, digits: i64) -> Result<Self> {
        self.reduced(digits, |a, b| a / b)
    }

    /// The greatest whole number not above it.
    pub(super) fn floor(self) -> Result<Self> {
        self.reduced(0, i128::div_euclid)
    }

    /// The least whole number not below it.
    pub(super) fn ceil(self) -> Result<Self> {
        self.negated().floor().map(Self::negated)
    }

    fn reduced(self, digits: i64, quotient: impl Fn(i128, i128) -> i128) -> Result<Self> {
        let cut = i64::from(self.scale).saturating_sub(digits);
        let Ok(cut) = u32::try_from(cut) else { return Ok(self) };
        let Some(unit) = 10_i128.checked_pow(cut) else { return Ok(Self::ZERO) };
        Self::with_scale(quotient(self.coefficient, unit), digits)
    }

    /// With at least that many digits after the point.
    pub(super) fn padded(self, digits: u32) -> Result<Self> {
        let up = digits.saturating_sub(self.scale);
        Ok(Self::new(shift(self.coefficient, up)?, self.scale + up))
    }

    /// Position of the first digit in base 10000 and that digit.
    fn head(self) -> (i32, i128) {
        let mut weight = 0;
        let short = self.trimmed();
        let pad = (4 - short.scale % 4) % 4;
        let Ok(mut rest) = shift(short.coefficient.abs(), pad) else { return (0, 0) };
        while rest >= 10_000 {
            rest /= 10_000;
            weight += 1;
        }
        let fraction = i32::try_from((short.scale + pad) / 4).unwrap_or(0);
        if rest == 0 { (0, 0) } else { (weight - fraction, rest) }
    }

    /// `select_div_scale`: at least 16 significant digits, and no fewer than either operand has.
    fn quotient_scale(self, other: Self) -> u32 {
        let ((weight1, digit1), (weight2, digit2)) = (self.head(), other.head());
        let weight = weight1 - weight2 - i32::from(digit1 <= digit2);
        let scale = u32::try_from(16 - weight * 4).unwrap_or(0);
        scale.max(self.scale).max(other.scale).min(1000)
    }

    /// Square root, to the scale Postgres chooses.
    pub(super) fn sqrt(self) -> Result<Self> {
        if self.coefficient < 0 {
            let message = "cannot take square root of a negative number";
            return Err(FunctionError::new("2201F", message));
        }
        let weight = (self.head().0 + 1) * 4 / 2 - 1;
        let scale = u32::try_from(16 - weight).unwrap_or(0).max(self.scale);
        let up = (2 * scale).saturating_sub(self.scale);
        let Ok(scaled) = shift(self.coefficient, up) else {
            return Self::from_float(self.to_float().sqrt());
        };
        let root = scaled.unsigned_abs().isqrt();
        let nearest = root + u128::from(scaled.unsigned_abs() - root * root > root);
        Ok(Self::new(i128::try_from(nearest).map_err(|_error| overflow())?, scale))
    }

    /// A whole power, exact.
    pub(super) fn powi(self, exponent: u32) -> Result<Self> {
        let base = self.trimmed();
        let coefficient = base.coefficient.checked_pow(exponent).ok_or_else(overflow)?;
        Ok(Self::new(coefficient, base.scale.checked_mul(exponent).ok_or_else(overflow)?))
    }

    /// As a whole number, if it is one that fits.
    pub(super) fn to_i128(self) -> Option<i128> {
        let short = self.trimmed();
        (short.scale == 0).then_some(short.coefficient)
    }

    /// Order by value; the greater magnitude wins when the two cannot be brought to one scale.
    pub(super) fn compare(self, other: Self) -> Ordering {
        match self.trimmed().aligned(other.trimmed()) {
            Ok((a, b, _)) => a.cmp(&b),
            Err(_) => self.to_float().total_cmp(&other.to_float()),
        }
    }
}

impl fmt::Display for Decimal {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let digits = self.coefficient.unsigned_abs().to_string();
        let scale = self.scale as usize;
        let padded = format!("{digits:0>width$}", width = scale + 1);
        let (whole, fraction) = padded.split_at(padded.len() - scale);
        let sign = if self.coefficient < 0 { "-" } else { "" };
        let point = if scale > 0 { "." } else { "" };
        write!(out, "{sign}{whole}{point}{fraction}")
    }
}

fn shift(coefficient: i128, digits: u32) -> Result<i128> {
    if coefficient == 0 {
        return Ok(0);
    }
    let unit = 10_i128.checked_pow(digits).ok_or_else(overflow)?;
    coefficient.checked_mul(unit).ok_or_else(overflow)
}

fn rounded_quotient(top: i128, bottom: i128) -> i128 {
    let (whole, rest) = (top / bottom, top % bottom);
    let away = if (top < 0) == (bottom < 0) { 1 } else { -1 };
    if rest.unsigned_abs() >= bottom.unsigned_abs().div_ceil(2) { whole + away } else { whole }
}

fn invalid(text: &str) -> FunctionError {
    FunctionError::new("22P02", format!("invalid input syntax for type numeric: \"{text}\""))
}

fn overflow() -> FunctionError {
    FunctionError::new("22003", "value overflows numeric format")
}

/// 22012
pub(super) fn division_by_zero() -> FunctionError {
    FunctionError::new("22012", "division by zero")
}
