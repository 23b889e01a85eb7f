//! Arithmetic that SQLite does otherwise, and functions on `float8` and the integers.
//! <https://www.postgresql.org/docs/15/functions-math.html>

use super::decimal::Decimal;
use super::{Args, Flags, Function, Outcome, integer, text};
use crate::sqlite::host::FunctionError;
use crate::types::{Value, ValueRef};
use std::sync::atomic::{AtomicU64, Ordering};

pub(super) const FUNCTIONS: &[Function] = &[
    ("pg_int_xor", 2, Flags::PURE, |a| integer(a.int(0)? ^ a.int(1)?)),
    ("pg_gcd", 2, Flags::PURE, |a| gcd(a)),
    ("pg_lcm", 2, Flags::PURE, |a| lcm(a)),
    ("pg_ceil_float8", 1, Flags::PURE, |a| real(a.float(0)?.ceil())),
    ("pg_floor_float8", 1, Flags::PURE, |a| real(a.float(0)?.floor())),
    ("pg_trunc_float8", 1, Flags::PURE, |a| real(a.float(0)?.trunc())),
    ("pg_round_float8", 1, Flags::PURE, |a| real(a.float(0)?.round_ties_even())),
    ("pg_sign_float8", 1, Flags::PURE, |a| real(sign(a.float(0)?))),
    ("pg_sqrt_float8", 1, Flags::PURE, |a| real(sqrt(a.float(0)?)?)),
    ("pg_cbrt", 1, Flags::PURE, |a| real(a.float(0)?.cbrt())),
    ("pg_exp_float8", 1, Flags::PURE, |a| real(exp(a.float(0)?)?)),
    ("pg_ln_float8", 1, Flags::PURE, |a| real(ln(a.float(0)?)?)),
    ("pg_log_float8", 1, Flags::PURE, |a| real(log10(a.float(0)?)?)),
    ("pg_power_float8", 2, Flags::PURE, |a| real(power(a.float(0)?, a.float(1)?)?)),
    ("pg_width_bucket_float8", 4, Flags::PURE, width_bucket),
    ("pg_width_bucket_array", 2, Flags::PURE, width_bucket_array),
    ("pg_to_hex", 1, Flags::PURE, to_hex),
    ("pg_num_nulls", -1, Flags::PURE_NULLS, |a| integer(count_nulls(a))),
    ("pg_num_nonnulls", -1, Flags::PURE_NULLS, |a| integer(count(a.len()) - count_nulls(a))),
    ("pg_random", 0, Flags::STABLE, |a| real(random(a))),
    ("pg_setseed", 1, Flags::STABLE, set_seed),
    ("pg_float8_to_text", 1, Flags::PURE, |a| text(float_text(a.float(0)?))),
    ("pg_float4_to_text", 1, Flags::PURE, |a| text(float4_text(a.float(0)?))),
];

pub(super) fn real(r: f64) -> Outcome {
    Ok(Value::Real(r))
}

fn out_of_range(kind: &str) -> FunctionError {
    FunctionError::new("22003", format!("{kind} out of range"))
}

fn gcd_of(mut a: i128, mut b: i128) -> i128 {
    while b != 0 {
        (a, b) = (b, a % b);
    }
    a.abs()
}

fn gcd(args: &Args<'_>) -> Outcome {
    whole(args, gcd_of)
}

fn lcm(args: &Args<'_>) -> Outcome {
    whole(args, |a, b| if a == 0 || b == 0 { 0 } else { (a / gcd_of(a, b) * b).abs() })
}

/// Both brought to one scale, so that `numeric` works as the integers do.
fn whole(args: &Args<'_>, operation: fn(i128, i128) -> i128) -> Outcome {
    let (a, b) = (args.decimal(0)?, args.decimal(1)?);
    let scale = a.scale().max(b.scale());
    let unit = Decimal::new(1, scale);
    let scaled = |x: &Decimal| {
        let units = x.div_whole(&unit)?;
        units.to_i128().ok_or_else(|| out_of_range("bigint"))
    };
    let result = Decimal::new(operation(scaled(&a)?, scaled(&b)?), scale).into_value();
    let integers =
        matches!((args.value(0), args.value(1)), (ValueRef::Integer(_), ValueRef::Integer(_)));
    if integers && !matches!(result, Value::Integer(_)) {
        return Err(out_of_range("bigint"));
    }
    Ok(result)
}

fn sign(x: f64) -> f64 {
    if x > 0.0 {
        1.0
    } else if x < 0.0 {
        -1.0
    } else {
        x
    }
}

fn sqrt(x: f64) -> Result<f64, FunctionError> {
    if x < 0.0 {
        return Err(FunctionError::new("2201F", "cannot take square root of a negative number"));
    }
    Ok(x.sqrt())
}

/// `exp(x)`
pub(super) fn exp(x: f64) -> Result<f64, FunctionError> {
    in_range(x.exp(), x.is_infinite() || x.is_nan(), x == f64::NEG_INFINITY)
}

/// `ln(x)`
pub(super) fn ln(x: f64) -> Result<f64, FunctionError> {
    logarithm_exists(x)?;
    Ok(x.ln())
}

/// `log(x)`
pub(super) fn log10(x: f64) -> Result<f64, FunctionError> {
    logarithm_exists(x)?;
    Ok(x.log10())
}

fn logarithm_exists(x: f64) -> Result<(), FunctionError> {
    let message = if x == 0.0 {
        "cannot take logarithm of zero"
    } else if x < 0.0 {
        "cannot take logarithm of a negative number"
    } else {
        return Ok(());
    };
    Err(FunctionError::new("2201E", message))
}

/// `power(x, y)`
pub(super) fn power(x: f64, y: f64) -> Result<f64, FunctionError> {
    if x == 0.0 && y < 0.0 {
        let message = "zero raised to a negative power is undefined";
        return Err(FunctionError::new("2201F", message));
    }
    if x < 0.0 && y.fract() != 0.0 && y.is_finite() {
        let message = "a negative number raised to a non-integer power yields a complex result";
        return Err(FunctionError::new("2201F", message));
    }
    let unbounded = x.is_infinite() || y.is_infinite() || x.is_nan() || y.is_nan();
    in_range(x.powf(y), unbounded, x == 0.0 || unbounded)
}

/// The result of a function of floats; 22003 for an infinity or a nought that rounding made.
pub(super) fn in_range(
    result: f64,
    may_overflow: bool,
    may_vanish: bool,
) -> Result<f64, FunctionError> {
    if result.is_infinite() && !may_overflow {
        return Err(FunctionError::new("22003", "value out of range: overflow"));
    }
    if result == 0.0 && !may_vanish {
        return Err(FunctionError::new("22003", "value out of range: underflow"));
    }
    Ok(result)
}

/// Refuses what `width_bucket` cannot divide.
pub(super) fn check_buckets(count: i64, empty: bool) -> Result<(), FunctionError> {
    let message = if count <= 0 {
        "count must be greater than zero"
    } else if empty {
        "lower bound cannot equal upper bound"
    } else {
        return Ok(());
    };
    Err(FunctionError::new("2201G", message))
}

fn width_bucket(args: &Args<'_>) -> Outcome {
    let (x, low, high, count) = (args.float(0)?, args.float(1)?, args.float(2)?, args.int(3)?);
    let equal = low.total_cmp(&high).is_eq();
    check_buckets(count, equal)?;
    let share = (x - low) / (high - low);
    if share < 0.0 {
        return integer(0);
    }
    if share >= 1.0 || x.is_nan() {
        return integer(count + 1);
    }
    #[expect(clippy::cast_precision_loss, clippy::cast_possible_truncation, reason = "below count")]
    integer((share * count as f64).floor() as i64 + 1)
}

fn width_bucket_array(args: &Args<'_>) -> Outcome {
    let bounds = super::array::Elements::parse(&args.text(1)?)?;
    let below = bounds.values().iter().filter(|bound| {
        super::array_search::compare(bound, &super::array::element(args.value(0))).is_le()
    });
    integer(count(below.count()))
}

fn to_hex(args: &Args<'_>) -> Outcome {
    let n = args.int(0)?;
    // An int4 argument has 32 bits; the type itself does not arrive here.
    text(i32::try_from(n).map_or_else(|_| format!("{n:x}"), |n| format!("{n:x}")))
}

fn count(n: usize) -> i64 {
    i64::try_from(n).unwrap_or(i64::MAX)
}

fn count_nulls(args: &Args<'_>) -> i64 {
    count(args.values().iter().filter(|value| **value == ValueRef::Null).count())
}

/// The state of a sequence of random numbers: each session has its own, which it may seed.
pub struct RandomState(AtomicU64);

impl Default for RandomState {
    fn default() -> Self {
        Self(AtomicU64::new(seed_from_system()))
    }
}

fn seed_from_system() -> u64 {
    use ring::rand::{SecureRandom, SystemRandom};
    let mut bytes = [0; 8];
    match SystemRandom::new().fill(&mut bytes) {
        Ok(()) => u64::from_le_bytes(bytes),
        Err(_) => 0x9e37_79b9_7f4a_7c15,
    }
}

/// SplitMix64, 53 bits of it.
fn random(args: &Args<'_>) -> f64 {
    const STEP: u64 = 0x9e37_79b9_7f4a_7c15;
    let host = args.slot().host();
    let state = match host.as_ref().and_then(|host| host.random_state()) {
        Some(state) => state.0.fetch_add(STEP, Ordering::Relaxed),
        None => seed_from_system(),
    };
    let state = state.wrapping_add(STEP);
    let mixed = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    #[expect(clippy::cast_precision_loss, reason = "53 bits fit")]
    let unit = ((mixed ^ (mixed >> 31)) >> 11) as f64;
    unit / 9_007_199_254_740_992.0
}

fn set_seed(args: &Args<'_>) -> Outcome {
    let seed = args.float(0)?;
    if !(-1.0..=1.0).contains(&seed) {
        let message = format!("setseed parameter {seed} is out of allowed range [-1,1]");
        return Err(FunctionError::new("22023", message));
    }
    let host = args.slot().host();
    if let Some(state) = host.as_ref().and_then(|host| host.random_state()) {
        state.0.store(seed.to_bits(), Ordering::Relaxed);
    }
    text("")
}

/// A float8 as Postgres prints it: the shortest digits that read back the same.
pub(super) fn float_text(r: f64) -> String {
    match special_text(r) {
        Some(text) => text.to_owned(),
        None => shortest(ryu::Buffer::new().format_finite(r), 15),
    }
}

/// The same for a float4.
pub(super) fn float4_text(r: f64) -> String {
    #[expect(clippy::cast_possible_truncation, reason = "a float4 comes widened")]
    match special_text(r) {
        Some(text) => text.to_owned(),
        None => shortest(ryu::Buffer::new().format_finite(r as f32), 6),
    }
}

fn special_text(r: f64) -> Option<&'static str> {
    if r.is_nan() {
        Some("NaN")
    } else if r.is_infinite() {
        Some(if r > 0.0 { "Infinity" } else { "-Infinity" })
    } else {
        None
    }
}

/// Postgres writes an exponent below 1e-4 and from 10^`limit` on.
fn shortest(ryu: &str, limit: i32) -> String {
    let (sign, unsigned) = ryu.strip_prefix('-').map_or(("", ryu), |rest| ("-", rest));
    let (mantissa, exponent) = unsigned.split_once('e').unwrap_or((unsigned, "0"));
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let all = format!("{whole}{fraction}");
    let digits = all.trim_start_matches('0');
    if digits.is_empty() {
        return format!("{sign}0");
    }
    let leading = i32::try_from(all.len() - digits.len()).unwrap_or(0);
    let point = i32::try_from(whole.len()).unwrap_or(0) + exponent.parse().unwrap_or(0) - leading;
    let digits = digits.trim_end_matches('0');
    let power = point - 1;
    if power < -4 || power >= limit {
        let (first, rest) = digits.split_at(1);
        let dot = if rest.is_empty() { "" } else { "." };
        let mark = if power < 0 { '-' } else { '+' };
        return format!("{sign}{first}{dot}{rest}e{mark}{:02}", power.abs());
    }
    let Ok(before) = usize::try_from(point) else {
        return format!("{sign}0.{}{digits}", "0".repeat(point.unsigned_abs() as usize));
    };
    match before {
        0 => format!("{sign}0.{digits}"),
        _ if before >= digits.len() => format!("{sign}{digits:0<before$}"),
        _ => format!("{sign}{}.{}", &digits[..before], &digits[before..]),
    }
}
