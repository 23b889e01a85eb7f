//! Bit strings: TEXT of zeros and ones.
//! <https://www.postgresql.org/docs/15/functions-bitstring.html>

use super::{Args, Flags, Function, Outcome, integer, text};
use crate::sqlite::host::FunctionError;

pub(super) const FUNCTIONS: &[Function] = &[
    ("pg_bits_and", 2, Flags::PURE, |a| both(a, "AND", |x, y| x && y)),
    ("pg_bits_or", 2, Flags::PURE, |a| both(a, "OR", |x, y| x || y)),
    ("pg_bits_xor", 2, Flags::PURE, |a| both(a, "XOR", |x, y| x != y)),
    ("pg_bits_not", 1, Flags::PURE, |a| {
        text(a.text(0)?.chars().map(|bit| if bit == '0' { '1' } else { '0' }).collect::<String>())
    }),
    ("pg_bits_of_int", 2, Flags::PURE, of_int),
    ("pg_bits_to_int4", 1, Flags::PURE, |a| to_int(a, 32)),
    ("pg_bits_to_int8", 1, Flags::PURE, |a| to_int(a, 64)),
    ("pg_bits_fit", 2, Flags::PURE, fit),
];

fn both(args: &Args<'_>, word: &str, of: fn(bool, bool) -> bool) -> Outcome {
    let (left, right) = (args.text(0)?, args.text(1)?);
    if left.len() != right.len() {
        let message = format!("cannot {word} bit strings of different sizes");
        return Err(FunctionError::new("22026", message));
    }
    let bits = left.bytes().zip(right.bytes());
    let bit = |(x, y)| if of(x == b'1', y == b'1') { '1' } else { '0' };
    text(bits.map(bit).collect::<String>())
}

/// Its lowest bits, as many as are wanted.
fn of_int(args: &Args<'_>) -> Outcome {
    let (number, length) = (args.int(0)?, length(args)?);
    let bit = |at: usize| if number >> at.min(63) & 1 == 1 { '1' } else { '0' };
    text((0..length).rev().map(bit).collect::<String>())
}

fn to_int(args: &Args<'_>, bits: usize) -> Outcome {
    let given = args.text(0)?;
    if given.len() > bits {
        let name = if bits == 32 { "integer" } else { "bigint" };
        return Err(FunctionError::new("22003", format!("{name} out of range")));
    }
    let number = given.bytes().fold(0_u64, |sum, b| sum << 1 | u64::from(b == b'1'));
    match bits {
        32 => integer(u32::try_from(number).unwrap_or(0).cast_signed()),
        _ => integer(number.cast_signed()),
    }
}

/// Cut off, or filled up with zeros, at the right.
fn fit(args: &Args<'_>) -> Outcome {
    let (bits, length) = (args.text(0)?, length(args)?);
    text(format!("{:0<length$}", bits.get(..length).unwrap_or(&bits)))
}

/// The length is checked where the type is read.
fn length(args: &Args<'_>) -> Result<usize, FunctionError> {
    const LENGTH_MAX: i64 = 83_886_080;
    let length = args.int(1)?;
    if !(1..=LENGTH_MAX).contains(&length) {
        let message = "length for type bit must be at least 1 and cannot exceed 83886080";
        return Err(FunctionError::new("22023", message));
    }
    Ok(usize::try_from(length).unwrap_or(1))
}
