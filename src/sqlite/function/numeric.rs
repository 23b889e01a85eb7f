//! Arithmetic and functions on `numeric`, exact to 38 digits.
//! <https://www.postgresql.org/docs/15/functions-math.html>

use super::decimal::Decimal;
use super::text::count;
use super::{Args, Flags, Function, Outcome, integer, text};
use crate::sqlite::host::FunctionError;
use crate::types::{Value, ValueRef};
use std::cmp::Ordering;

pub(super) const FUNCTIONS: &[Function] = &[
    ("pg_numeric_add", 2, Flags::PURE, |a| value(a.decimal(0)?.add(&a.decimal(1)?))),
    ("pg_numeric_sub", 2, Flags::PURE, |a| value(a.decimal(0)?.sub(&a.decimal(1)?))),
    ("pg_numeric_mul", 2, Flags::PURE, |a| value(a.decimal(0)?.mul(&a.decimal(1)?))),
    ("pg_numeric_div", 2, Flags::PURE, |a| value(a.decimal(0)?.div(&a.decimal(1)?)?)),
    ("pg_mod_numeric", 2, Flags::PURE, |a| value(a.decimal(0)?.rem(&a.decimal(1)?)?)),
    ("pg_div_numeric", 2, Flags::PURE, |a| value(a.decimal(0)?.div_whole(&a.decimal(1)?)?)),
    ("pg_numeric_neg", 1, Flags::PURE, |a| value(a.decimal(0)?.negated())),
    ("pg_numeric_key", 1, Flags::PURE, |a| Ok(Value::Blob(a.decimal(0)?.key()))),
    ("pg_number", 1, Flags::PURE, number),
    ("pg_numeric_scale", 2, Flags::PURE, scaled),
    ("pg_greatest_numeric", -1, Flags::PURE_NULLS, |a| extreme(a, Ordering::Greater)),
    ("pg_least_numeric", -1, Flags::PURE_NULLS, |a| extreme(a, Ordering::Less)),
    ("pg_abs_numeric", 1, Flags::PURE, |a| value(a.decimal(0)?.abs())),
    ("pg_sign_numeric", 1, Flags::PURE, |a| integer(a.decimal(0)?.signum())),
    ("pg_ceil_numeric", 1, Flags::PURE, |a| value(a.decimal(0)?.ceil())),
    ("pg_floor_numeric", 1, Flags::PURE, |a| value(a.decimal(0)?.floor())),
    ("pg_round_numeric", -1, Flags::PURE, |a| value(a.decimal(0)?.round(a.int_or(1, 0)?))),
    ("pg_trunc_numeric", -1, Flags::PURE, |a| value(a.decimal(0)?.trunc(a.int_or(1, 0)?))),
    ("pg_sqrt_numeric", 1, Flags::PURE, |a| value(a.decimal(0)?.sqrt()?)),
    ("pg_power_numeric", 2, Flags::PURE, power),
    ("pg_exp_numeric", 1, Flags::PURE, |a| real(super::math::exp(a.float(0)?)?)),
    ("pg_ln_numeric", 1, Flags::PURE, |a| real(super::math::ln(a.float(0)?)?)),
    ("pg_log_numeric", 1, Flags::PURE, |a| real(super::math::log10(a.float(0)?)?)),
    ("pg_log_base", 2, Flags::PURE, log_base),
    ("pg_scale", 1, Flags::PURE, |a| integer(count(a.decimal(0)?.scale()))),
    ("pg_min_scale", 1, Flags::PURE, |a| integer(count(a.decimal(0)?.trimmed().scale()))),
    ("pg_trim_scale", 1, Flags::PURE, |a| value(a.decimal(0)?.trimmed())),
    ("pg_factorial", 1, Flags::PURE, factorial),
    ("pg_width_bucket_numeric", 4, Flags::PURE, width_bucket),
    ("pg_numeric_to_text", 1, Flags::PURE, |a| text(a.decimal(0)?.to_string())),
    ("pg_numeric_typmod", -1, Flags::PURE, typmod),
];

fn value(number: Decimal) -> Outcome {
    Ok(number.into_value())
}

/// What SQLite compares with numbers: it would put TEXT after all of them.
fn number(args: &Args<'_>) -> Outcome {
    match args.value(0) {
        ValueRef::Text(_) => match args.decimal(0)? {
            number if number.is_finite() => Ok(number.trimmed().into_nearest()),
            number if number.signum() < 0 => real(f64::NEG_INFINITY),
            _ => args.owned(0),
        },
        _ => args.owned(0),
    }
}

/// A value with at least so many digits after the point.
fn scaled(args: &Args<'_>) -> Outcome {
    let (number, scale) = (args.decimal(0)?, args.int(1)?);
    value(if count(number.scale()) < scale { number.round(scale) } else { number })
}

fn extreme(args: &Args<'_>, wanted: Ordering) -> Outcome {
    let mut best: Option<Decimal> = None;
    for i in (0..args.len()).filter(|i| !args.is_null(*i)) {
        let next = args.decimal(i)?;
        if best.as_ref().is_none_or(|best| next.compare(best) == wanted) {
            best = Some(next);
        }
    }
    best.map_or(Ok(Value::Null), value)
}

fn real(r: f64) -> Outcome {
    Ok(Value::Real(r))
}

/// Digits after the point that a whole power has at least.
const POWER_SCALE: i64 = 16;

fn power(args: &Args<'_>) -> Outcome {
    let (base, exponent) = (args.decimal(0)?, args.decimal(1)?);
    if let Some(whole) = exponent.to_i128()
        && let Ok(whole) = u32::try_from(whole)
        && let Ok(exact) = base.powi(whole)
    {
        return value(exact.round(count(base.scale()).max(POWER_SCALE)));
    }
    value(Decimal::from_float(super::math::power(base.to_float(), exponent.to_float())?))
}

fn log_base(args: &Args<'_>) -> Outcome {
    let (base, x) = (super::math::ln(args.float(0)?)?, super::math::ln(args.float(1)?)?);
    if base == 0.0 {
        return Err(super::decimal::division_by_zero());
    }
    // Quotients of logarithms of whole powers come out a hair off; 15 digits mend that.
    let quotient = x / base;
    let nearest = quotient.round();
    real(if (quotient - nearest).abs() < 1e-14 * nearest.abs() { nearest } else { quotient })
}

/// Beyond this a factorial costs more than a statement may without being interrupted.
const FACTORIAL_MAX: i64 = 1000;

fn factorial(args: &Args<'_>) -> Outcome {
    let n = args.int(0)?;
    if n < 0 {
        return Err(FunctionError::new("22003", "factorial of a negative number is undefined"));
    }
    if n > FACTORIAL_MAX {
        return Err(FunctionError::new("22003", "value overflows numeric format"));
    }
    value((1..=n).fold(Decimal::from(1), |product, i| product.mul(&Decimal::from(i))))
}

fn width_bucket(args: &Args<'_>) -> Outcome {
    let (x, low, high) = (args.decimal(0)?, args.decimal(1)?, args.decimal(2)?);
    let buckets = args.int(3)?;
    super::math::check_buckets(buckets, low.compare(&high).is_eq())?;
    // Bounds the wrong way round count down from the first.
    let (distance, width) = if low.compare(&high).is_gt() {
        (low.sub(&x), low.sub(&high))
    } else {
        (x.sub(&low), high.sub(&low))
    };
    if distance.signum() < 0 {
        return integer(0);
    }
    if distance.compare(&width).is_ge() {
        return integer(buckets + 1);
    }
    let bucket = distance.mul(&Decimal::from(buckets)).div_whole(&width)?.to_i128().unwrap_or(0);
    integer(i64::try_from(bucket).unwrap_or(0) + 1)
}

/// `numeric(precision, scale)`: rounds to the scale, refuses what has too many digits before it.
fn typmod(args: &Args<'_>) -> Outcome {
    let (precision, scale) = (args.int(1)?, args.int_or(2, 0)?);
    let rounded = args.decimal(0)?.round(scale);
    let digits = u32::try_from(precision.saturating_sub(scale)).unwrap_or(0);
    let limit = Decimal::from(10).powi(digits)?;
    let is_nan = !rounded.is_finite() && rounded.to_float().is_nan();
    if !is_nan && rounded.abs().compare(&limit).is_ge() {
        return Err(FunctionError::new("22003", "numeric field overflow"));
    }
    value(rounded)
}
