//! Trigonometric functions, in radians and in degrees.
//! <https://www.postgresql.org/docs/15/functions-math.html#FUNCTIONS-MATH-TRIG-TABLE>

use super::math::real;
use super::{Args, Flags, Function, Outcome};
use crate::sqlite::host::FunctionError;
use std::f64::consts::PI;

pub(super) const FUNCTIONS: &[Function] = &[
    ("pg_pi", 0, Flags::PURE, |_| real(PI)),
    ("pg_degrees", 1, Flags::PURE, |a| real(a.float(0)?.to_degrees())),
    ("pg_radians", 1, Flags::PURE, |a| real(a.float(0)?.to_radians())),
    ("pg_sin", 1, Flags::PURE, |a| real(bounded(a)?.sin())),
    ("pg_cos", 1, Flags::PURE, |a| real(bounded(a)?.cos())),
    ("pg_tan", 1, Flags::PURE, |a| real(bounded(a)?.tan())),
    ("pg_cot", 1, Flags::PURE, |a| real(1.0 / bounded(a)?.tan())),
    ("pg_asin", 1, Flags::PURE, |a| real(unit(a)?.asin())),
    ("pg_acos", 1, Flags::PURE, |a| real(unit(a)?.acos())),
    ("pg_atan", 1, Flags::PURE, |a| real(a.float(0)?.atan())),
    ("pg_atan2", 2, Flags::PURE, |a| real(a.float(0)?.atan2(a.float(1)?))),
    ("pg_sind", 1, Flags::PURE, |a| real(sind(bounded(a)?))),
    ("pg_cosd", 1, Flags::PURE, |a| real(sind(90.0 - bounded(a)?))),
    ("pg_tand", 1, Flags::PURE, |a| real(tand(bounded(a)?))),
    ("pg_cotd", 1, Flags::PURE, |a| real(tand(90.0 - bounded(a)?))),
    ("pg_asind", 1, Flags::PURE, |a| real(tidy(unit(a)?.asin().to_degrees()))),
    ("pg_acosd", 1, Flags::PURE, |a| real(tidy(unit(a)?.acos().to_degrees()))),
    ("pg_atand", 1, Flags::PURE, |a| real(tidy(a.float(0)?.atan().to_degrees()))),
    ("pg_atan2d", 2, Flags::PURE, |a| real(tidy(a.float(0)?.atan2(a.float(1)?).to_degrees()))),
    ("pg_sinh", 1, Flags::PURE, |a| real(a.float(0)?.sinh())),
    ("pg_cosh", 1, Flags::PURE, |a| real(a.float(0)?.cosh())),
    ("pg_tanh", 1, Flags::PURE, |a| real(a.float(0)?.tanh())),
    ("pg_asinh", 1, Flags::PURE, |a| real(a.float(0)?.asinh())),
    ("pg_acosh", 1, Flags::PURE, acosh),
    ("pg_atanh", 1, Flags::PURE, |a| real(unit(a)?.atanh())),
];

fn out_of_range() -> FunctionError {
    FunctionError::new("22003", "input is out of range")
}

fn bounded(args: &Args<'_>) -> Result<f64, FunctionError> {
    let x = args.float(0)?;
    if x.is_infinite() { Err(out_of_range()) } else { Ok(x) }
}

fn unit(args: &Args<'_>) -> Result<f64, FunctionError> {
    let x = args.float(0)?;
    if x.abs() > 1.0 { Err(out_of_range()) } else { Ok(x) }
}

fn acosh(args: &Args<'_>) -> Outcome {
    let x = args.float(0)?;
    if x < 1.0 { Err(out_of_range()) } else { real(x.acosh()) }
}

/// Exact at the multiples of 30 degrees.
fn sind(degrees: f64) -> f64 {
    let turn = degrees.rem_euclid(360.0);
    let (sign, half) = if turn >= 180.0 { (-1.0, turn - 180.0) } else { (1.0, turn) };
    let quarter = if half > 90.0 { 180.0 - half } else { half };
    let sine = if quarter == 0.0 {
        return 0.0;
    } else if quarter == 30.0 {
        0.5
    } else if quarter == 90.0 {
        1.0
    } else {
        quarter.to_radians().sin()
    };
    sign * sine
}

/// Exact at the multiples of 45 degrees.
fn tand(degrees: f64) -> f64 {
    let half = degrees.rem_euclid(180.0);
    if half == 45.0 {
        1.0
    } else if half == 135.0 {
        -1.0
    } else {
        sind(degrees) / sind(90.0 - degrees)
    }
}

/// Conversion to degrees leaves whole angles a hair off.
fn tidy(degrees: f64) -> f64 {
    let nearest = degrees.round();
    if (degrees - nearest).abs() < 1e-13 { nearest } else { degrees }
}
