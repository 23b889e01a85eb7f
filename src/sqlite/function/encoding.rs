//! Bytes as text and back, digests, single bits.
//! <https://www.postgresql.org/docs/15/functions-binarystring.html>

use super::{Args, Flags, Function, Outcome, integer, text};
use crate::sqlite::host::FunctionError;
use crate::types::Value;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use md5::Digest as _;
use std::fmt::Write as _;

pub(super) const FUNCTIONS: &[Function] = &[
    ("pg_md5", 1, Flags::PURE, |a| text(hex(&md5::Md5::digest(a.bytes(0))))),
    ("pg_sha224", 1, Flags::PURE, |a| Ok(Value::Blob(sha2::Sha224::digest(a.bytes(0)).to_vec()))),
    ("pg_sha256", 1, Flags::PURE, |a| Ok(Value::Blob(sha2::Sha256::digest(a.bytes(0)).to_vec()))),
    ("pg_sha384", 1, Flags::PURE, |a| Ok(Value::Blob(sha2::Sha384::digest(a.bytes(0)).to_vec()))),
    ("pg_sha512", 1, Flags::PURE, |a| Ok(Value::Blob(sha2::Sha512::digest(a.bytes(0)).to_vec()))),
    ("pg_encode", 2, Flags::PURE, encode),
    ("pg_decode", 2, Flags::PURE, decode),
    ("pg_convert_from", 2, Flags::PURE, convert_from),
    ("pg_convert_to", 2, Flags::PURE, convert_to),
    ("pg_get_byte", 2, Flags::PURE, get_byte),
    ("pg_set_byte", 3, Flags::PURE, set_byte),
    ("pg_get_bit", 2, Flags::PURE, get_bit),
    ("pg_set_bit", 3, Flags::PURE, set_bit),
    ("pg_bytea_to_text", 1, Flags::PURE, |a| text(hex_literal(&a.bytes(0)))),
    ("pg_text_to_bytea", 1, Flags::PURE, |a| Ok(Value::Blob(parse_bytea(&a.text(0)?)?))),
    ("pg_unistr", 1, Flags::PURE, unistr),
];

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut out, byte| {
        // Writing to a String cannot fail.
        let _ = write!(out, "{byte:02x}");
        out
    })
}

/// bytea's output form.
pub(super) fn hex_literal(bytes: &[u8]) -> String {
    format!("\\x{}", hex(bytes))
}

fn invalid(message: impl Into<String>) -> FunctionError {
    FunctionError::new("22023", message)
}

fn encode(args: &Args<'_>) -> Outcome {
    let bytes = args.bytes(0);
    let format = args.text(1)?;
    text(match format.to_ascii_lowercase().as_str() {
        "hex" => hex(&bytes),
        "base64" => base64_lines(&bytes),
        "escape" => escape(&bytes),
        _ => return Err(invalid(format!("unrecognized encoding: \"{format}\""))),
    })
}

/// MIME's 76 characters a line.
fn base64_lines(bytes: &[u8]) -> String {
    let all = STANDARD.encode(bytes);
    let lines: Vec<_> =
        all.as_bytes().chunks(76).map(|line| String::from_utf8_lossy(line).into_owned()).collect();
    lines.join("\n")
}

fn escape(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(bytes.len()), |mut out, &byte| {
        match byte {
            b'\\' => out.push_str("\\\\"),
            0 | 0x80.. => {
                // Writing to a String cannot fail.
                let _ = write!(out, "\\{byte:03o}");
            }
            _ => out.push(char::from(byte)),
        }
        out
    })
}

fn decode(args: &Args<'_>) -> Outcome {
    let s = args.text(0)?;
    let format = args.text(1)?;
    let bytes = match format.to_ascii_lowercase().as_str() {
        "hex" => parse_hex(&s)?,
        "base64" => {
            let packed: String = s.chars().filter(|c| !c.is_ascii_whitespace()).collect();
            let bad = |_| invalid("invalid base64 end sequence");
            STANDARD.decode(packed).map_err(bad)?
        }
        "escape" => parse_escape(&s)?,
        _ => return Err(invalid(format!("unrecognized encoding: \"{format}\""))),
    };
    Ok(Value::Blob(bytes))
}

fn parse_hex(s: &str) -> Result<Vec<u8>, FunctionError> {
    let mut nibbles = Vec::with_capacity(s.len());
    for c in s.chars().filter(|c| !c.is_ascii_whitespace()) {
        let bad = || invalid(format!("invalid hexadecimal digit: \"{c}\""));
        nibbles.push(c.to_digit(16).and_then(|n| u8::try_from(n).ok()).ok_or_else(bad)?);
    }
    if !nibbles.len().is_multiple_of(2) {
        return Err(invalid("invalid hexadecimal data: odd number of digits"));
    }
    Ok(nibbles.chunks(2).map(|pair| pair.iter().fold(0, |byte, n| byte << 4 | n)).collect())
}

fn parse_escape(s: &str) -> Result<Vec<u8>, FunctionError> {
    let bad = || FunctionError::new("22P02", "invalid input syntax for type bytea");
    let mut out = Vec::with_capacity(s.len());
    let mut rest = s.as_bytes();
    while let Some((&first, after)) = rest.split_first() {
        rest = after;
        if first != b'\\' {
            out.push(first);
            continue;
        }
        match rest {
            [b'\\', after @ ..] => {
                out.push(b'\\');
                rest = after;
            }
            [a @ b'0'..=b'3', b @ b'0'..=b'7', c @ b'0'..=b'7', after @ ..] => {
                out.push((a - b'0') << 6 | (b - b'0') << 3 | (c - b'0'));
                rest = after;
            }
            _ => return Err(bad()),
        }
    }
    Ok(out)
}

/// bytea's input forms: `\x` and hexadecimal digits, or the escape format.
fn parse_bytea(s: &str) -> Result<Vec<u8>, FunctionError> {
    s.strip_prefix("\\x").map_or_else(|| parse_escape(s), parse_hex)
}

fn check_encoding(name: &str) -> Result<(), FunctionError> {
    let plain: String = name.chars().filter(char::is_ascii_alphanumeric).collect();
    match plain.to_ascii_lowercase().as_str() {
        "utf8" | "unicode" | "sqlascii" => Ok(()),
        _ => Err(FunctionError::new("0A000", format!("encoding \"{name}\" is not supported"))),
    }
}

fn convert_from(args: &Args<'_>) -> Outcome {
    check_encoding(&args.text(1)?)?;
    text(args.text(0)?)
}

fn convert_to(args: &Args<'_>) -> Outcome {
    check_encoding(&args.text(1)?)?;
    Ok(Value::Blob(args.bytes(0).into_owned()))
}

fn index(args: &Args<'_>, limit: usize) -> Result<usize, FunctionError> {
    let n = args.int(1)?;
    usize::try_from(n).ok().filter(|i| *i < limit).ok_or_else(|| {
        let message = format!("index {n} out of valid range, 0..{}", text::count(limit) - 1);
        FunctionError::new("2202E", message)
    })
}

fn get_byte(args: &Args<'_>) -> Outcome {
    let bytes = args.bytes(0);
    integer(bytes[index(args, bytes.len())?])
}

fn set_byte(args: &Args<'_>) -> Outcome {
    let mut bytes = args.bytes(0).into_owned();
    let i = index(args, bytes.len())?;
    let [low, ..] = args.int(2)?.to_le_bytes();
    bytes[i] = low;
    Ok(Value::Blob(bytes))
}

fn get_bit(args: &Args<'_>) -> Outcome {
    let bytes = args.bytes(0);
    let i = index(args, bytes.len() * 8)?;
    integer(bytes[i / 8] >> (i % 8) & 1)
}

fn set_bit(args: &Args<'_>) -> Outcome {
    let mut bytes = args.bytes(0).into_owned();
    let i = index(args, bytes.len() * 8)?;
    match args.int(2)? {
        0 => bytes[i / 8] &= !(1 << (i % 8)),
        1 => bytes[i / 8] |= 1 << (i % 8),
        _ => return Err(invalid("new bit must be 0 or 1")),
    }
    Ok(Value::Blob(bytes))
}

/// `\XXXX`, `\+XXXXXX`, `\uXXXX`, `\UXXXXXXXX`
fn unistr(args: &Args<'_>) -> Outcome {
    let s = args.text(0)?;
    let bad = || FunctionError::new("42601", "invalid Unicode escape");
    let mut out = String::with_capacity(s.len());
    let mut rest = s.as_ref();
    while let Some(at) = rest.find('\\') {
        out.push_str(&rest[..at]);
        rest = &rest[at + 1..];
        let (skip, length) = match rest.bytes().next() {
            Some(b'\\') => {
                out.push('\\');
                rest = &rest[1..];
                continue;
            }
            Some(b'+') => (1, 6),
            Some(b'u') => (1, 4),
            Some(b'U') => (1, 8),
            _ => (0, 4),
        };
        let digits = rest.get(skip..skip + length).ok_or_else(bad)?;
        let code = u32::from_str_radix(digits, 16).ok().and_then(char::from_u32);
        out.push(code.ok_or_else(bad)?);
        rest = &rest[skip + length..];
    }
    out.push_str(rest);
    text(out)
}
