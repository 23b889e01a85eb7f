//! Arithmetic that SQLite would answer with another type or another number.
//!
//! What enters: what SQLite's own operator made of integers, or the operands of one on floats. What
//! leaves: the value, or Postgres's error. SQLite answers an overflow of integers with a REAL and one
//! of floats with an infinity, and has no NaN: that is TEXT here, which SQLite would add as 0.
//! A float4 is the double of its shortest digits; it is calculated with as the single it stands for.
//! <https://www.postgresql.org/docs/15/functions-math.html>

use super::decimal::division_by_zero;
use super::math::{in_range, real};
use super::{Args, Flags, Function, Outcome, integer};
use crate::sqlite::host::FunctionError;
use crate::types::{Value, ValueRef};

pub(super) const FUNCTIONS: &[Function] = &[
    ("pg_int2", 1, Flags::PURE, |a| INT2.guard(a)),
    ("pg_int4", 1, Flags::PURE, |a| INT4.guard(a)),
    ("pg_int8", 1, Flags::PURE, |a| INT8.guard(a)),
    ("pg_div_int2", 2, Flags::PURE, |a| INT2.divide(a)),
    ("pg_div_int4", 2, Flags::PURE, |a| INT4.divide(a)),
    ("pg_div_int", 2, Flags::PURE, |a| INT8.divide(a)),
    ("pg_mod_int", 2, Flags::PURE, modulo),
    ("pg_int2_shift_left", 2, Flags::PURE, |a| integer(i16::from_le_bytes(low(shifted(a)?)))),
    ("pg_int4_shift_left", 2, Flags::PURE, |a| integer(i32::from_le_bytes(low(shifted(a)?)))),
    ("pg_int_shift_left", 2, Flags::PURE, |a| integer(a.int(0)? << (a.int(1)? & 63))),
    ("pg_int4_shift_right", 2, Flags::PURE, |a| integer(a.int(0)? >> (a.int(1)? & 31))),
    ("pg_int_shift_right", 2, Flags::PURE, |a| integer(a.int(0)? >> (a.int(1)? & 63))),
    ("pg_float8_add", 2, Flags::PURE, |a| double(a, |x, y| x + y, |_, _| true)),
    ("pg_float8_sub", 2, Flags::PURE, |a| double(a, |x, y| x - y, |_, _| true)),
    ("pg_float8_mul", 2, Flags::PURE, |a| double(a, |x, y| x * y, |x, y| x == 0.0 || y == 0.0)),
    ("pg_div_float8", 2, Flags::PURE, |a| double(divisible(a)?, |x, y| x / y, quotient_vanishes)),
    ("pg_float8_neg", 1, Flags::PURE, |a| real(-a.float(0)?)),
    ("pg_float8_abs", 1, Flags::PURE, |a| real(a.float(0)?.abs())),
    ("pg_float4_add", 2, Flags::PURE, |a| single(a, |x, y| x + y, |_, _| true)),
    ("pg_float4_sub", 2, Flags::PURE, |a| single(a, |x, y| x - y, |_, _| true)),
    ("pg_float4_mul", 2, Flags::PURE, |a| single(a, |x, y| x * y, |x, y| x == 0.0 || y == 0.0)),
    ("pg_div_float4", 2, Flags::PURE, |a| single(divisible(a)?, |x, y| x / y, quotient_vanishes)),
    ("pg_float4_to_float8", 1, Flags::PURE, |a| real(widened(a.float(0)?))),
];

/// The range of an integer type.
struct Bounds {
    min: i64,
    max: i64,
    name: &'static str,
}

const INT2: Bounds = Bounds { min: i16::MIN as i64, max: i16::MAX as i64, name: "smallint" };
const INT4: Bounds = Bounds { min: i32::MIN as i64, max: i32::MAX as i64, name: "integer" };
const INT8: Bounds = Bounds { min: i64::MIN, max: i64::MAX, name: "bigint" };

/// 2 to the 63rd, from which on a REAL is what became of integers that overflowed.
const OVERFLOWED: f64 = 9_223_372_036_854_775_808.0;

impl Bounds {
    /// What SQLite's operator made of integers, if the type holds it.
    fn guard(&self, args: &Args<'_>) -> Outcome {
        match args.value(0) {
            ValueRef::Integer(n) if (self.min..=self.max).contains(&n) => Ok(Value::Integer(n)),
            ValueRef::Real(r) if r.abs() < OVERFLOWED => Ok(Value::Real(r)),
            ValueRef::Integer(_) | ValueRef::Real(_) => Err(self.error()),
            _ => args.owned(0),
        }
    }

    fn divide(&self, args: &Args<'_>) -> Outcome {
        let (dividend, divisor) = (args.int(0)?, args.int(1)?);
        if divisor == 0 {
            return Err(division_by_zero());
        }
        let quotient = dividend.checked_div(divisor).filter(|n| (self.min..=self.max).contains(n));
        integer(quotient.ok_or_else(|| self.error())?)
    }

    #[cold]
    fn error(&self) -> FunctionError {
        FunctionError::new("22003", format!("{} out of range", self.name))
    }
}

fn modulo(args: &Args<'_>) -> Outcome {
    let (dividend, divisor) = (args.int(0)?, args.int(1)?);
    match divisor {
        0 => Err(division_by_zero()),
        // The one quotient beyond int8 leaves no remainder.
        -1 => integer(0),
        _ => integer(dividend % divisor),
    }
}

/// The machine shifts an int2 and an int4 as 32 bits.
fn shifted(args: &Args<'_>) -> Result<i64, FunctionError> {
    Ok(args.int(0)? << (args.int(1)? & 31))
}

fn low<const N: usize>(number: i64) -> [u8; N] {
    let bytes = number.to_le_bytes();
    std::array::from_fn(|i| bytes[i])
}

/// A function of two floats.
type Binary = fn(f64, f64) -> f64;
/// Whether a result of 0 is right for the operands.
type Vanishes = fn(f64, f64) -> bool;

fn double(args: &Args<'_>, operation: Binary, vanishes: Vanishes) -> Outcome {
    let (x, y) = (args.float(0)?, args.float(1)?);
    real(in_range(operation(x, y), is_unbounded(x, y), vanishes(x, y))?)
}

/// The double's digits are more than twice the single's, so rounding twice is rounding once.
fn single(args: &Args<'_>, operation: Binary, vanishes: Vanishes) -> Outcome {
    let (x, y) = (widened(args.float(0)?), widened(args.float(1)?));
    let result = widened(operation(x, y));
    in_range(result, is_unbounded(x, y), vanishes(x, y))?;
    real(shortest(result))
}

fn quotient_vanishes(x: f64, y: f64) -> bool {
    x == 0.0 || y.is_infinite()
}

fn divisible<'a, 'b>(args: &'a Args<'b>) -> Result<&'a Args<'b>, FunctionError> {
    let by_zero = args.float(1)? == 0.0 && !args.float(0)?.is_nan();
    if by_zero { Err(division_by_zero()) } else { Ok(args) }
}

fn is_unbounded(x: f64, y: f64) -> bool {
    !x.is_finite() || !y.is_finite()
}

/// The single that is nearest, as a double.
pub(super) fn widened(x: f64) -> f64 {
    #[expect(clippy::cast_possible_truncation, reason = "rounding to float4 is the point")]
    f64::from(x as f32)
}

/// The double that has a single's shortest digits: the form a float4 has here.
pub(super) fn shortest(x: f64) -> f64 {
    #[expect(clippy::cast_possible_truncation, reason = "it is a single")]
    let digits = (x as f32).to_string();
    digits.parse().unwrap_or(x)
}
