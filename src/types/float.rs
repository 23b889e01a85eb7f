//! Floating point as Postgres writes and reads it: the shortest digits that read back the same, or
//! a fixed number of them under `extra_float_digits` 0 and less.

use super::{Error, Type};

/// Writes a `float8`.
pub(super) fn write_f64(out: &mut Vec<u8>, value: f64, extra_digits: i8) {
    let magnitude = value.abs();
    if extra_digits > 0 && (1e-4..1e15).contains(&magnitude) {
        let mut buffer = ryu::Buffer::new();
        let text = buffer.format_finite(value);
        out.extend_from_slice(text.strip_suffix(".0").unwrap_or(text).as_bytes());
    } else if !write_special(out, value) {
        if extra_digits > 0 {
            Digits::of_f64(value).write(out, 15);
        } else {
            Digits::write_rounded(out, value, 15 + i32::from(extra_digits));
        }
    }
}

/// Writes a `float4`.
pub(super) fn write_f32(out: &mut Vec<u8>, value: f32, extra_digits: i8) {
    if write_special(out, f64::from(value)) {
        return;
    }
    if extra_digits > 0 {
        Digits::of_f32(value).write(out, 6);
    } else {
        Digits::write_rounded(out, f64::from(value), 6 + i32::from(extra_digits));
    }
}

/// Writes a double of common size in plain notation, with zeros up to a scale; `false`, and nothing
/// written, for one that is not, or whose rounding error a scale would cut.
pub(super) fn write_plain(out: &mut Vec<u8>, value: f64, scale: Option<usize>) -> bool {
    if !(1e-4..1e15).contains(&value.abs()) {
        return false;
    }
    let mut buffer = ryu::Buffer::new();
    let text = buffer.format_finite(value);
    let text = text.strip_suffix(".0").unwrap_or(text);
    let fraction = text.find('.').map_or(0, |point| text.len() - point - 1);
    let wanted = scale.unwrap_or(0);
    if scale.is_some() && text.len() > 16 {
        return false;
    }
    out.extend_from_slice(text.as_bytes());
    if fraction == 0 && wanted > 0 {
        out.push(b'.');
    }
    out.resize(out.len() + wanted.saturating_sub(fraction), b'0');
    true
}

/// Reads a `float8`.
pub(super) fn parse_f64(text: &str) -> Result<f64, Error> {
    let ty = Type::FLOAT8.scalar_sql_name();
    let number = parse::<f64>(text).ok_or_else(|| syntax(ty, text))?;
    let lost =
        number.is_infinite() && !names_infinity(text) || number == 0.0 && has_nonzero_digit(text);
    if lost { Err(out_of_range(ty, text)) } else { Ok(number) }
}

/// Reads a `float4`.
pub(super) fn parse_f32(text: &str) -> Result<f32, Error> {
    let ty = Type::FLOAT4.scalar_sql_name();
    let number = parse::<f32>(text).ok_or_else(|| syntax(ty, text))?;
    let lost =
        number.is_infinite() && !names_infinity(text) || number == 0.0 && has_nonzero_digit(text);
    if lost { Err(out_of_range(ty, text)) } else { Ok(number) }
}

fn parse<F: std::str::FromStr>(text: &str) -> Option<F> {
    let trimmed = text.trim_matches(|c: char| c.is_ascii_whitespace());
    trimmed.parse().ok()
}

fn syntax(ty: &'static str, text: &str) -> Error {
    Error::Syntax { ty, text: text.to_owned() }
}

/// `"1e400" is out of range for type double precision`
fn out_of_range(ty: &'static str, text: &str) -> Error {
    Error::FloatRange { ty, text: text.trim().to_owned() }
}

fn names_infinity(text: &str) -> bool {
    text.bytes().any(|b| matches!(b, b'i' | b'I'))
}

fn has_nonzero_digit(text: &str) -> bool {
    text.bytes().take_while(|b| !matches!(b, b'e' | b'E')).any(|b| matches!(b, b'1'..=b'9'))
}

fn write_special(out: &mut Vec<u8>, value: f64) -> bool {
    let text: &[u8] = match value {
        v if v.is_nan() => b"NaN",
        f64::INFINITY => b"Infinity",
        f64::NEG_INFINITY => b"-Infinity",
        v if v == 0.0 && v.is_sign_negative() => b"-0",
        0.0 => b"0",
        _ => return false,
    };
    out.extend_from_slice(text);
    true
}

/// A finite number as decimal digits: `0.DIGITS * 10^point`.
pub(super) struct Digits {
    pub(super) negative: bool,
    /// ASCII, without leading or trailing zeros; empty for zero.
    pub(super) digits: Vec<u8>,
    pub(super) point: i32,
}

impl Digits {
    /// The shortest digits of a finite number.
    pub(super) fn of_f64(value: f64) -> Self {
        Self::of_text(ryu::Buffer::new().format_finite(value).as_bytes())
    }

    fn of_f32(value: f32) -> Self {
        Self::of_text(ryu::Buffer::new().format_finite(value).as_bytes())
    }

    /// Writes so many digits, as `%.*g` does.
    fn write_rounded(out: &mut Vec<u8>, value: f64, precision: i32) {
        let precision = precision.max(1);
        let decimals = usize::try_from(precision - 1).unwrap_or(0);
        let text = format!("{value:.decimals$e}");
        Self::of_text(text.as_bytes()).write(out, precision);
    }

    fn of_text(text: &[u8]) -> Self {
        let negative = text.first() == Some(&b'-');
        let (mantissa, exponent) = match text.iter().position(|b| *b == b'e') {
            Some(at) => (text.get(..at).unwrap_or_default(), number(text.get(at + 1..))),
            None => (text, 0),
        };
        let whole = mantissa.iter().take_while(|b| **b != b'.').filter(|b| b.is_ascii_digit());
        let mut point = exponent + whole.count() as i32;
        let mut digits: Vec<u8> = mantissa.iter().copied().filter(u8::is_ascii_digit).collect();
        let zeros = digits.iter().take_while(|b| **b == b'0').count();
        digits.drain(..zeros);
        point -= zeros as i32;
        while digits.last() == Some(&b'0') {
            digits.pop();
        }
        Self { negative, digits, point }
    }

    /// Plain notation from 0.0001 to ten to the `limit`, otherwise `d.ddde+XX`.
    fn write(&self, out: &mut Vec<u8>, limit: i32) {
        if self.negative {
            out.push(b'-');
        }
        if (-3..=limit).contains(&self.point) {
            self.write_plain(out);
        } else {
            self.write_scientific(out);
        }
    }

    fn write_plain(&self, out: &mut Vec<u8>) {
        let length = self.digits.len();
        let Ok(whole) = usize::try_from(self.point) else {
            out.extend_from_slice(b"0.");
            out.resize(out.len() + self.point.unsigned_abs() as usize, b'0');
            out.extend_from_slice(&self.digits);
            return;
        };
        let (before, after) = self.digits.split_at(whole.min(length));
        out.extend_from_slice(if whole == 0 { b"0" } else { before });
        out.resize(out.len() + whole.saturating_sub(length), b'0');
        if !after.is_empty() {
            out.push(b'.');
            out.extend_from_slice(after);
        }
    }

    fn write_scientific(&self, out: &mut Vec<u8>) {
        let (first, rest) = self.digits.split_at(self.digits.len().min(1));
        out.extend_from_slice(first);
        if !rest.is_empty() {
            out.push(b'.');
            out.extend_from_slice(rest);
        }
        let exponent = self.point - 1;
        out.extend_from_slice(if exponent < 0 { b"e-" } else { b"e+" });
        if exponent.abs() < 10 {
            out.push(b'0');
        }
        out.extend_from_slice(itoa::Buffer::new().format(exponent.abs()).as_bytes());
    }
}

fn number(text: Option<&[u8]>) -> i32 {
    text.and_then(|text| std::str::from_utf8(text).ok()).and_then(|t| t.parse().ok()).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn floats_look_as_postgres_writes_them() {
        for (value, text) in [
            (1.0, "1"),
            (-2.5, "-2.5"),
            (1e15, "1e+15"),
            (1e14, "100000000000000"),
            (0.0001, "0.0001"),
            (0.00001, "1e-05"),
            (1.5e300, "1.5e+300"),
            (5e-324, "5e-324"),
            (-0.0, "-0"),
            (0.1 + 0.2, "0.30000000000000004"),
        ] {
            let mut out = Vec::new();
            write_f64(&mut out, value, 1);
            assert_eq!(String::from_utf8(out).unwrap(), text);
        }
        let mut out = Vec::new();
        write_f64(&mut out, 0.1 + 0.2, 0);
        write_f32(&mut out, 1e6, 1);
        write_f32(&mut out, 0.1, 1);
        assert_eq!(out, b"0.31e+060.1");
    }
}
