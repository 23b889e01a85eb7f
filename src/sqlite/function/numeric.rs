//! Arithmetic and functions on `numeric`, exact to 38 digits.
//! <https://www.postgresql.org/docs/15/functions-math.html>

use super::decimal::Decimal;
use super::math::float_text;
use super::{Args, Flags, Function, Outcome, integer, text};
use crate::sqlite::host::FunctionError;
use crate::types::{Value, ValueRef};

pub(super) const FUNCTIONS: &[Function] = &[
    ("pg_numeric_add", 2, Flags::PURE, |a| binary(a, Decimal::add)),
    ("pg_numeric_sub", 2, Flags::PURE, |a| binary(a, Decimal::sub)),
    ("pg_numeric_mul", 2, Flags::PURE, |a| binary(a, Decimal::mul)),
    ("pg_numeric_div", 2, Flags::PURE, |a| Ok(a.decimal(0)?.div(a.decimal(1)?)?.into_nearest())),
    ("pg_mod_numeric", 2, Flags::PURE, |a| binary(a, Decimal::rem)),
    ("pg_div_numeric", 2, Flags::PURE, |a| binary(a, Decimal::div_whole)),
    ("pg_numeric_neg", 1, Flags::PURE, |a| Ok(a.decimal(0)?.negated().into_value())),
    ("pg_numeric_key", 1, Flags::PURE, key),
    ("pg_abs_numeric", 1, Flags::PURE, |a| Ok(a.decimal(0)?.abs().into_value())),
    ("pg_sign_numeric", 1, Flags::PURE, |a| integer(a.decimal(0)?.signum())),
    ("pg_ceil_numeric", 1, Flags::PURE, |a| Ok(a.decimal(0)?.ceil()?.into_value())),
    ("pg_floor_numeric", 1, Flags::PURE, |a| Ok(a.decimal(0)?.floor()?.into_value())),
    ("pg_round_numeric", -1, Flags::PURE, |a| {
        Ok(a.decimal(0)?.round(a.int_or(1, 0)?)?.into_value())
    }),
    ("pg_trunc_numeric", -1, Flags::PURE, |a| {
        Ok(a.decimal(0)?.trunc(a.int_or(1, 0)?)?.into_value())
    }),
    ("pg_sqrt_numeric", 1, Flags::PURE, |a| Ok(a.decimal(0)?.sqrt()?.into_nearest())),
    ("pg_power_numeric", 2, Flags::PURE, power),
    ("pg_exp_numeric", 1, Flags::PURE, |a| real(super::math::exp(a.float(0)?)?)),
    ("pg_ln_numeric", 1, Flags::PURE, |a| real(super::math::ln(a.float(0)?)?)),
    ("pg_log_numeric", 1, Flags::PURE, |a| real(super::math::log10(a.float(0)?)?)),
    ("pg_log_base", 2, Flags::PURE, log_base),
    ("pg_scale", 1, Flags::PURE, |a| integer(a.decimal(0)?.scale())),
    ("pg_min_scale", 1, Flags::PURE, |a| integer(a.decimal(0)?.trimmed().scale())),
    ("pg_trim_scale", 1, Flags::PURE, |a| Ok(a.decimal(0)?.into_value())),
    ("pg_factorial", 1, Flags::PURE, factorial),
    ("pg_width_bucket_numeric", 4, Flags::PURE, width_bucket),
    ("pg_numeric_to_text", 1, Flags::PURE, |a| text(numeric_text(a.value(0))?)),
    ("pg_numeric_typmod", -1, Flags::PURE, typmod),
];

fn binary(
    args: &Args<'_>,
    operation: fn(Decimal, Decimal) -> Result<Decimal, FunctionError>,
) -> Outcome {
    if let Some(special) = special(args) {
        return special;
    }
    Ok(operation(args.decimal(0)?, args.decimal(1)?)?.into_value())
}

/// NaN makes everything NaN.
fn special(args: &Args<'_>) -> Option<Outcome> {
    let nan = |value: &ValueRef<'_>| matches!(value, ValueRef::Text(b"NaN"));
    args.values().iter().any(nan).then(|| text("NaN"))
}

/// A number to sort by: SQLite would put TEXT after every number.
fn key(args: &Args<'_>) -> Outcome {
    match args.value(0) {
        ValueRef::Text(b"NaN") => Ok(Value::Real(f64::INFINITY)),
        ValueRef::Text(_) => Ok(args.decimal(0)?.into_nearest()),
        _ => args.owned(0),
    }
}

fn real(r: f64) -> Outcome {
    Ok(Value::Real(r))
}

fn power(args: &Args<'_>) -> Outcome {
    let (base, exponent) = (args.decimal(0)?, args.decimal(1)?);
    if let Some(whole) = exponent.to_i128()
        && let Ok(whole) = u32::try_from(whole)
        && let Ok(exact) = base.powi(whole)
    {
        return Ok(exact.into_nearest());
    }
    let result = super::math::power(base.to_float(), exponent.to_float())?;
    Ok(Decimal::from_float(result).map_or(Value::Real(result), Decimal::into_nearest))
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

fn factorial(args: &Args<'_>) -> Outcome {
    let n = args.int(0)?;
    if n < 0 {
        return Err(FunctionError::new("22003", "factorial of a negative number is undefined"));
    }
    let product = (1..=n).try_fold(1_i128, |product, i| product.checked_mul(i128::from(i)));
    let overflow = || FunctionError::new("22003", "value overflows numeric format");
    Ok(Decimal::new(product.ok_or_else(overflow)?, 0).into_value())
}

fn width_bucket(args: &Args<'_>) -> Outcome {
    let (x, low, high) = (args.decimal(0)?, args.decimal(1)?, args.decimal(2)?);
    let count = args.int(3)?;
    super::math::check_buckets(count, low == high)?;
    let (x, low, high) = if low.compare(high).is_gt() {
        (low.sub(x)?, Decimal::ZERO, low.sub(high)?)
    } else {
        (x, low, high)
    };
    if x.compare(low).is_lt() {
        return integer(0);
    }
    if x.compare(high).is_ge() {
        return integer(count + 1);
    }
    let scaled = x.sub(low)?.mul(Decimal::new(i128::from(count), 0))?;
    let bucket = scaled.div_whole(high.sub(low)?)?.to_i128().unwrap_or(0);
    integer(i64::try_from(bucket).unwrap_or(0) + 1)
}

/// The digits of a numeric, never with an exponent.
pub(super) fn numeric_text(value: ValueRef<'_>) -> Result<String, FunctionError> {
    match value {
        ValueRef::Text(t) => super::args::utf8(t).map(str::to_owned),
        ValueRef::Real(r) if !r.is_finite() => Ok(float_text(r)),
        ValueRef::Real(r) => match Decimal::from_float(r) {
            Ok(decimal) => Ok(decimal.trimmed().to_string()),
            Err(_) => Ok(format!("{r}")),
        },
        _ => Ok(Decimal::from_value(value)?.to_string()),
    }
}

/// `numeric(precision, scale)`: rounds to the scale, refuses what has too many digits before it.
fn typmod(args: &Args<'_>) -> Outcome {
    if let Some(special) = special(args) {
        return special;
    }
    let (precision, scale) = (args.int(1)?, args.int_or(2, 0)?);
    let rounded = args.decimal(0)?.round(scale)?;
    let limit =
        u32::try_from(precision.saturating_sub(scale)).ok().and_then(|n| 10_i128.checked_pow(n));
    if limit.is_some_and(|limit| rounded.abs().compare(Decimal::new(limit, 0)).is_ge()) {
        return Err(FunctionError::new("22003", "numeric field overflow"));
    }
    Ok(rounded.into_value())
}
