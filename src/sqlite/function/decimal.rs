//! What `numeric` calculates with: [`Numeric`], and the operations it does not have.
//!
//! What enters: the inside-SQLite form of a numeric (INTEGER, REAL or TEXT). What leaves: the same.
//! Result scales follow <https://www.postgresql.org/docs/15/datatype-numeric.html>.

use super::args::utf8;
use crate::sqlite::host::FunctionError;
use crate::types::{Numeric, Value, ValueRef};
use std::cmp::Ordering;
use std::fmt;

/// A decimal number of any length, NaN, or an infinity.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Decimal(Numeric);

type Result<T> = std::result::Result<T, FunctionError>;

/// Digits a power may grow to; its cost is their square, and nothing can interrupt it.
const POWER_DIGITS_MAX: usize = 4000;

impl From<i64> for Decimal {
    fn from(number: i64) -> Self {
        Self(Numeric::from(number))
    }
}

impl Decimal {
    /// `coefficient / 10^scale`
    pub(super) fn new(coefficient: i128, scale: usize) -> Self {
        Self(Numeric::scaled(coefficient, scale))
    }

    /// Reads the inside-SQLite form; NULL is nought.
    pub(super) fn from_value(value: ValueRef<'_>) -> Result<Self> {
        match value {
            ValueRef::Null => Ok(Self::from(0)),
            ValueRef::Integer(i) => Ok(Self::from(i)),
            ValueRef::Real(r) => Ok(Self::from_float(r)),
            ValueRef::Text(t) | ValueRef::Blob(t) => Self::parse(utf8(t)?),
        }
    }

    /// The shortest decimal that reads back as this float.
    pub(super) fn from_float(r: f64) -> Self {
        Self(Numeric::from_f64(r))
    }

    /// Reads digits with sign, point and exponent; NaN and the infinities.
    pub(super) fn parse(text: &str) -> Result<Self> {
        Ok(Self(Numeric::parse(text)?))
    }

    /// The inside-SQLite form: INTEGER, REAL when 15 digits say it exactly, otherwise TEXT.
    pub(super) fn into_value(self) -> Value {
        self.0.to_value()
    }

    /// The same, but the nearest float rather than TEXT: what compares as numbers do.
    pub(super) fn into_nearest(self) -> Value {
        match self.0.to_value() {
            Value::Text(_) if self.is_finite() => Value::Real(self.to_float()),
            value => value,
        }
    }

    /// Bytes that sort as the numbers do; those of equal numbers are equal.
    pub(super) fn key(&self) -> Vec<u8> {
        self.0.key()
    }

    /// It is a number.
    pub(super) fn is_finite(&self) -> bool {
        matches!(self.0, Numeric::Finite(_))
    }

    /// The nearest float.
    pub(super) fn to_float(&self) -> f64 {
        self.0.to_f64()
    }

    /// Digits after the point.
    pub(super) fn scale(&self) -> usize {
        self.0.scale()
    }

    /// Without zeros at the end of the fraction.
    pub(super) fn trimmed(&self) -> Self {
        Self(self.0.trimmed())
    }

    /// -1, 0 or 1.
    pub(super) fn signum(&self) -> i64 {
        match (self.0.is_zero(), self.0.is_negative()) {
            (true, _) => 0,
            (false, true) => -1,
            (false, false) => 1,
        }
    }

    /// It is nought.
    pub(super) fn is_zero(&self) -> bool {
        self.0.is_zero()
    }

    /// Without its sign.
    pub(super) fn abs(&self) -> Self {
        if self.0.is_negative() { self.negated() } else { self.clone() }
    }

    /// With the other sign.
    pub(super) fn negated(&self) -> Self {
        Self(self.0.negated())
    }

    /// Sum.
    pub(super) fn add(&self, other: &Self) -> Self {
        Self(self.0.add(&other.0))
    }

    /// Difference.
    pub(super) fn sub(&self, other: &Self) -> Self {
        Self(self.0.sub(&other.0))
    }

    /// Product.
    pub(super) fn mul(&self, other: &Self) -> Self {
        Self(self.0.mul(&other.0))
    }

    /// Quotient, to the scale Postgres chooses.
    pub(super) fn div(&self, other: &Self) -> Result<Self> {
        Ok(Self(self.0.div(&other.0)?))
    }

    /// Remainder, with the sign of the dividend.
    pub(super) fn rem(&self, other: &Self) -> Result<Self> {
        Ok(Self(self.0.rem(&other.0)?))
    }

    /// Whole part of the quotient.
    pub(super) fn div_whole(&self, other: &Self) -> Result<Self> {
        let exact = self.sub(&self.rem(other)?);
        Ok(Self(exact.0.divided_to(&other.0, 0)))
    }

    /// Rounded half away from zero; a negative number of digits rounds before the point.
    pub(super) fn round(&self, digits: i64) -> Self {
        Self(self.0.rounded(bounded(digits)))
    }

    /// Cut toward zero.
    pub(super) fn trunc(&self, digits: i64) -> Self {
        Self(self.0.truncated(bounded(digits)))
    }

    /// The greatest whole number not above it.
    pub(super) fn floor(&self) -> Self {
        let cut = self.trunc(0);
        if cut.compare(self).is_gt() { cut.sub(&Self::from(1)) } else { cut }
    }

    /// The least whole number not below it.
    pub(super) fn ceil(&self) -> Self {
        self.negated().floor().negated()
    }

    /// Square root, to the scale Postgres chooses: about 16 significant digits.
    pub(super) fn sqrt(&self) -> Result<Self> {
        if self.0.is_negative() {
            let message = "cannot take square root of a negative number";
            return Err(FunctionError::new("2201F", message));
        }
        if self.is_zero() || !self.is_finite() {
            return Ok(self.clone());
        }
        let digits = (self.weight() + 1) * 2 - 1;
        let scale = usize::try_from(16 - digits).unwrap_or(0).max(self.scale());
        let guess = Self::from_float(self.to_float().sqrt());
        // Newton's step doubles the float's fifteen digits.
        let sum = guess.add(&Self(self.0.divided_to(&guess.0, scale + 16)));
        Ok(Self(sum.0.divided_to(&Numeric::from(2), scale)))
    }

    /// The position of the first digit in base 10000: 0 from 1 to 9999.
    fn weight(&self) -> i64 {
        let shown = self.abs().to_string();
        let (whole, fraction) = shown.split_once('.').unwrap_or((&shown, ""));
        let zeros = |s: &str| s.bytes().take_while(|b| *b == b'0').count();
        let groups = match whole.len() - zeros(whole) {
            0 => return -super::text::count(zeros(fraction) / 4) - 1,
            digits => digits.div_ceil(4),
        };
        super::text::count(groups) - 1
    }

    /// A whole power, exact.
    pub(super) fn powi(&self, exponent: u32) -> Result<Self> {
        let times = usize::try_from(exponent).unwrap_or(usize::MAX);
        let size = self.0.significant().max(1).saturating_mul(times);
        if size.saturating_add(self.scale().saturating_mul(times)) > POWER_DIGITS_MAX {
            return Err(FunctionError::new("22003", "value overflows numeric format"));
        }
        let mut product = Self::from(1);
        let mut square = self.trimmed();
        let mut rest = exponent;
        while rest > 0 {
            if rest % 2 == 1 {
                product = product.mul(&square);
            }
            rest /= 2;
            if rest > 0 {
                square = square.mul(&square);
            }
        }
        Ok(product)
    }

    /// As a whole number, if it is one that fits.
    pub(super) fn to_i128(&self) -> Option<i128> {
        let short = self.trimmed();
        if short.scale() == 0 { short.to_string().parse().ok() } else { None }
    }

    /// Order by value; NaN is the greatest.
    pub(super) fn compare(&self, other: &Self) -> Ordering {
        self.0.compare(&other.0)
    }
}

impl fmt::Display for Decimal {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(out)
    }
}

/// Postgres has no more than 2000 digits for this.
fn bounded(digits: i64) -> i32 {
    i32::try_from(digits.clamp(-2000, 2000)).unwrap_or(0)
}

/// 22012
pub(super) fn division_by_zero() -> FunctionError {
    FunctionError::new("22012", "division by zero")
}
