//! Booleans, integers, bytes, UUIDs and tuple identifiers as text.

use super::Error;
use super::style::ByteaOutput;

/// PostgreSQL's spellings of a boolean: any prefix of `true false yes no`, `on off`, `1 0`.
pub(super) fn parse_bool(text: &str) -> Option<bool> {
    let word = text.trim_matches(|c: char| c.is_ascii_whitespace()).to_ascii_lowercase();
    let prefix_of = |whole: &str| !word.is_empty() && whole.starts_with(&word);
    match word.as_str() {
        "1" | "on" => Some(true),
        "0" | "off" | "of" => Some(false),
        _ if prefix_of("true") || prefix_of("yes") => Some(true),
        _ if prefix_of("false") || prefix_of("no") => Some(false),
        _ => None,
    }
}

/// An integer with its sign and white space around it.
pub(super) fn parse_integer(text: &str) -> Option<i64> {
    text.trim_matches(|c: char| c.is_ascii_whitespace()).parse().ok()
}

/// An integer of a type, with Postgres's errors.
pub(super) fn integer<T>(text: &str, ty: &'static str) -> Result<T, Error>
where
    T: TryFrom<i128>,
{
    let trimmed = text.trim_matches(|c: char| c.is_ascii_whitespace());
    let digits = trimmed.strip_prefix(['+', '-']).unwrap_or(trimmed);
    if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return Err(Error::Syntax { ty, text: text.to_owned() });
    }
    let number: Option<i128> = trimmed.parse().ok();
    number
        .and_then(|number| T::try_from(number).ok())
        .ok_or_else(|| Error::OutOfRange { ty, text: text.to_owned() })
}

/// Writes bytes as `bytea_output` says.
pub(super) fn write_bytea(out: &mut Vec<u8>, bytes: &[u8], style: ByteaOutput) {
    match style {
        ByteaOutput::Hex => {
            out.extend_from_slice(b"\\x");
            write_hex(out, bytes);
        }
        ByteaOutput::Escape => {
            for byte in bytes {
                match byte {
                    b'\\' => out.extend_from_slice(b"\\\\"),
                    0x20..=0x7E => out.push(*byte),
                    _ => out.extend_from_slice(format!("\\{byte:03o}").as_bytes()),
                }
            }
        }
    }
}

/// Reads both forms of `bytea`.
pub(super) fn parse_bytea(text: &str) -> Result<Vec<u8>, Error> {
    match text.strip_prefix("\\x") {
        Some(hex) => parse_hex(hex),
        None => parse_escaped(text),
    }
}

fn parse_hex(hex: &str) -> Result<Vec<u8>, Error> {
    let mut out = Vec::with_capacity(hex.len() / 2);
    let mut high = None;
    for (at, byte) in hex.bytes().enumerate() {
        if byte.is_ascii_whitespace() && high.is_none() {
            continue;
        }
        let Some(digit) = nibble(byte) else {
            let digit = hex.get(at..).and_then(|tail| tail.chars().next()).unwrap_or('?');
            return Err(Error::HexDigit { digit });
        };
        match high.take() {
            Some(high) => out.push(high << 4 | digit),
            None => high = Some(digit),
        }
    }
    if high.is_some() { Err(Error::OddHex) } else { Ok(out) }
}

fn parse_escaped(text: &str) -> Result<Vec<u8>, Error> {
    let syntax = || Error::ByteaSyntax;
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, tail)) = rest.split_first() {
        rest = match (first, tail) {
            (b'\\', [b'\\', tail @ ..]) => {
                out.push(b'\\');
                tail
            }
            (b'\\', [a @ b'0'..=b'3', b @ b'0'..=b'7', c @ b'0'..=b'7', tail @ ..]) => {
                out.push((a - b'0') << 6 | (b - b'0') << 3 | (c - b'0'));
                tail
            }
            (b'\\', _) => return Err(syntax()),
            (byte, tail) => {
                out.push(*byte);
                tail
            }
        };
    }
    Ok(out)
}

/// Writes a UUID with hyphens.
pub(super) fn write_uuid(out: &mut Vec<u8>, uuid: [u8; 16]) {
    for (i, byte) in uuid.iter().enumerate() {
        if matches!(i, 4 | 6 | 8 | 10) {
            out.push(b'-');
        }
        write_hex(out, std::slice::from_ref(byte));
    }
}

/// Reads a UUID: hyphens after any group of four digits, braces around it.
pub(super) fn parse_uuid(text: &str) -> Option<[u8; 16]> {
    let inner = match text.strip_prefix('{') {
        Some(rest) => rest.strip_suffix('}')?,
        None => text,
    };
    let mut uuid = [0; 16];
    let mut digits = 0;
    let mut after_hyphen = true;
    for byte in inner.bytes() {
        if byte == b'-' {
            if after_hyphen || digits % 4 != 0 || digits == 32 {
                return None;
            }
            after_hyphen = true;
            continue;
        }
        let slot = uuid.get_mut(digits / 2)?;
        *slot = *slot << 4 | nibble(byte)?;
        digits += 1;
        after_hyphen = false;
    }
    (digits == 32).then_some(uuid)
}

/// Whether text that reads as a UUID is written as Postgres writes it.
pub(super) fn is_canonical_uuid(text: &[u8]) -> bool {
    let hyphens = [8, 13, 18, 23].iter().all(|at| text.get(*at) == Some(&b'-'));
    text.len() == 36 && hyphens && !text.iter().any(u8::is_ascii_uppercase)
}

/// Reads `(block,item)`.
pub(super) fn parse_tid(text: &str) -> Option<(u32, u16)> {
    let (block, item) = text.trim().strip_prefix('(')?.strip_suffix(')')?.split_once(',')?;
    Some((block.parse().ok()?, item.parse().ok()?))
}

fn write_hex(out: &mut Vec<u8>, bytes: &[u8]) {
    let digit = |n: u8| if n < 10 { b'0' + n } else { b'a' + n - 10 };
    out.reserve(bytes.len() * 2);
    for byte in bytes {
        out.extend_from_slice(&[digit(byte >> 4), digit(byte & 15)]);
    }
}

fn nibble(byte: u8) -> Option<u8> {
    match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        b'A'..=b'F' => Some(byte - b'A' + 10),
        _ => None,
    }
}
