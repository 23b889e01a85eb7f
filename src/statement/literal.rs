//! Literal and name tokens in, their values out.
//!
//! The tokens are those of [`lexer`](super::lexer), read from the same text.
//! <https://www.postgresql.org/docs/15/sql-syntax-lexical.html#SQL-SYNTAX-CONSTANTS>

use super::error::{BadValue, Error, ErrorKind};
use super::lexer::{Kind, Lexer, Token, continuation};
use crate::types::{Numeric, Value};

/// The value of a literal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Literal {
    /// An integer that an int8 holds.
    Integer(i64),
    /// Any other number: decimal digits, perhaps a point and an exponent, as written.
    Numeric(String),
    /// A character string.
    String(String),
    /// A bit string: `0` and `1` only.
    Bits(String),
}

impl Literal {
    /// The value of a literal token.
    ///
    /// # Errors
    /// A malformed escape or digit. A token that is no literal is a syntax error.
    pub fn decode(token: Token, text: &str) -> Result<Self, Error> {
        let spelling = token.text(text);
        match token.kind {
            Kind::String if !spelling.starts_with('\'') => decode_plain(&spelling[1..]),
            Kind::String => decode_plain(spelling),
            Kind::DollarString => Ok(Self::String(dollar_body(spelling).to_owned())),
            Kind::EscapeString => {
                let raw = raw_body(&spelling[1..], true);
                Escapes { raw: &raw, start: token.start }.decode().map(Self::String)
            }
            Kind::UnicodeString => unicode(token, text, '\'').map(Self::String),
            Kind::BitString => bits(&raw_body(&spelling[1..], false), token.start),
            Kind::HexString => hex_bits(&raw_body(&spelling[1..], false), token.start),
            Kind::Integer => Ok(integer(spelling)),
            Kind::Decimal => Ok(Self::Numeric(spelling.replace('_', ""))),
            _ => Err(ErrorKind::Syntax(spelling.to_owned()).at(token.start)),
        }
    }

    /// The value as SQLite holds it.
    #[must_use]
    pub fn value(self) -> Value {
        match self {
            Self::Integer(integer) => Value::Integer(integer),
            Self::Numeric(digits) => {
                Numeric::parse(&digits).map_or(Value::Text(digits), |number| number.to_value())
            }
            Self::String(text) | Self::Bits(text) => Value::Text(text),
        }
    }
}

/// The name a word or quoted name stands for: unquoted ones are folded to lower case.
///
/// # Errors
/// A malformed escape in `U&"..."`. Any other token is a syntax error.
pub fn name(token: Token, text: &str) -> Result<String, Error> {
    let spelling = token.text(text);
    match token.kind {
        Kind::Word => Ok(spelling.to_ascii_lowercase()),
        Kind::QuotedName => Ok(spelling[1..spelling.len() - 1].replace("\"\"", "\"")),
        Kind::UnicodeName => unicode(token, text, '"'),
        _ => Err(ErrorKind::Syntax(spelling.to_owned()).at(token.start)),
    }
}

fn decode_plain(quoted: &str) -> Result<Literal, Error> {
    let inside = &quoted[1..quoted.len() - 1];
    if inside.contains('\'') {
        return Ok(Literal::String(raw_body(quoted, false)));
    }
    Ok(Literal::String(inside.to_owned()))
}

fn dollar_body(spelling: &str) -> &str {
    let delimiter = spelling[1..].find('$').map_or(0, |at| at + 2);
    &spelling[delimiter..spelling.len() - delimiter]
}

/// What stands between the quotes: doubled quotes halved, continued parts joined, and backslash
/// escapes left alone (a quote behind a backslash closes nothing).
fn raw_body(quoted: &str, backslashes: bool) -> String {
    let bytes = quoted.as_bytes();
    let mut body = String::with_capacity(quoted.len());
    let (mut at, mut copied) = (1, 1);
    while at < bytes.len() {
        match bytes[at] {
            b'\\' if backslashes => at += 2,
            b'\'' if bytes.get(at + 1) == Some(&b'\'') => {
                body.push_str(&quoted[copied..=at]);
                at += 2;
                copied = at;
            }
            b'\'' => {
                body.push_str(&quoted[copied..at]);
                match continuation(bytes, at + 1) {
                    Some(next) => at = next + 1,
                    None => break,
                }
                copied = at;
            }
            _ => at += 1,
        }
    }
    body
}

/// Decodes the escapes of `E'...'`.
struct Escapes<'a> {
    raw: &'a str,
    start: usize,
}

impl Escapes<'_> {
    fn decode(&self) -> Result<String, Error> {
        let mut out = Vec::with_capacity(self.raw.len());
        let mut rest = self.raw;
        while let Some(at) = rest.find('\\') {
            out.extend_from_slice(&rest.as_bytes()[..at]);
            rest = self.escape(&rest[at + 1..], &mut out)?;
        }
        out.extend_from_slice(rest.as_bytes());
        if let Some(zero) = out.iter().position(|byte| *byte == 0) {
            return Err(self.bad_bytes(&out[zero..=zero]));
        }
        String::from_utf8(out).map_err(|error| {
            let from = error.utf8_error().valid_up_to();
            self.bad_bytes(&error.as_bytes()[from..=from])
        })
    }

    /// Decodes one escape, whose backslash is passed, and returns what follows it.
    fn escape<'b>(&self, rest: &'b str, out: &mut Vec<u8>) -> Result<&'b str, Error> {
        let Some(letter) = rest.chars().next() else { return Ok(rest) };
        let after = &rest[letter.len_utf8()..];
        let byte = match letter {
            'b' => 8,
            'f' => 12,
            'n' => b'\n',
            'r' => b'\r',
            't' => b'\t',
            '0'..='7' => return Ok(number_escape(rest, 8, 3, out)),
            'x' if after.starts_with(|c: char| c.is_ascii_hexdigit()) => {
                return Ok(number_escape(after, 16, 2, out));
            }
            'u' => return self.unicode_escape(after, 4, out),
            'U' => return self.unicode_escape(after, 8, out),
            other => {
                out.extend_from_slice(other.encode_utf8(&mut [0; 4]).as_bytes());
                return Ok(after);
            }
        };
        out.push(byte);
        Ok(after)
    }

    fn unicode_escape<'b>(
        &self,
        rest: &'b str,
        digits: usize,
        out: &mut Vec<u8>,
    ) -> Result<&'b str, Error> {
        let (first, mut rest) = hex_digits(rest, digits)
            .ok_or_else(|| bad_escape("invalid Unicode escape", self.start))?;
        let mut code = first;
        if is_high(first) {
            let second = rest
                .strip_prefix("\\u")
                .and_then(|tail| hex_digits(tail, 4))
                .or_else(|| rest.strip_prefix("\\U").and_then(|tail| hex_digits(tail, 8)));
            let (low, tail) = second.filter(|(low, _)| is_low(*low)).ok_or_else(|| self.pair())?;
            code = joined(first, low);
            rest = tail;
        }
        let letter = self.checked(code)?;
        out.extend_from_slice(letter.encode_utf8(&mut [0; 4]).as_bytes());
        Ok(rest)
    }

    fn checked(&self, code: u32) -> Result<char, Error> {
        if is_low(code) {
            return Err(self.pair());
        }
        char::from_u32(code)
            .filter(|letter| *letter != '\0')
            .ok_or_else(|| bad_escape("invalid Unicode escape value", self.start))
    }

    fn pair(&self) -> Error {
        ErrorKind::Grammar("invalid Unicode surrogate pair").at(self.start)
    }

    fn bad_bytes(&self, bytes: &[u8]) -> Error {
        let byte = bytes.first().copied().unwrap_or_default();
        let message = format!("invalid byte sequence for encoding \"UTF8\": 0x{byte:02x}");
        ErrorKind::Literal(BadValue { sqlstate: "22021", message }).at(self.start)
    }
}

/// An octal or hexadecimal escape gives one byte; its overflow is cut as Postgres does.
fn number_escape<'b>(rest: &'b str, radix: u32, most: usize, out: &mut Vec<u8>) -> &'b str {
    let digits = rest.bytes().take(most).take_while(|b| char::from(*b).is_digit(radix)).count();
    let code = u32::from_str_radix(&rest[..digits], radix).unwrap_or_default();
    out.push(code.to_le_bytes()[0]);
    &rest[digits..]
}

fn hex_digits(text: &str, count: usize) -> Option<(u32, &str)> {
    let digits = text.get(..count)?;
    if !digits.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return None;
    }
    Some((u32::from_str_radix(digits, 16).ok()?, &text[count..]))
}

fn is_high(code: u32) -> bool {
    (0xd800..0xdc00).contains(&code)
}

fn is_low(code: u32) -> bool {
    (0xdc00..0xe000).contains(&code)
}

fn joined(high: u32, low: u32) -> u32 {
    0x10000 + ((high - 0xd800) << 10) + (low - 0xdc00)
}

fn bad_escape(what: &str, start: usize) -> Error {
    ErrorKind::Literal(BadValue { sqlstate: "22025", message: what.to_owned() }).at(start)
}

/// Decodes `U&'...'` or `U&"..."`, with its `UESCAPE` if it has one.
fn unicode(token: Token, text: &str, quote: char) -> Result<String, Error> {
    let spelling = token.text(text);
    let quoted = &spelling[2..];
    let (raw, escape) = match escape_clause(quoted) {
        Some((end, escape)) => (&quoted[..end], escape),
        None => (quoted, "\\"),
    };
    let raw = if quote == '"' {
        raw[1..raw.len() - 1].replace("\"\"", "\"")
    } else {
        raw_body(raw, false)
    };
    let mut letters = escape.chars();
    match (letters.next(), letters.next()) {
        (Some(letter), None) if may_escape(letter) => unicode_body(&raw, letter, token.start),
        _ => Err(ErrorKind::Grammar("invalid Unicode escape character").at(token.start)),
    }
}

/// The end of the literal proper and the escape character's text, when `UESCAPE` follows it.
fn escape_clause(quoted: &str) -> Option<(usize, &str)> {
    let mut lexer = Lexer::new(quoted);
    let literal = lexer.token().ok()??;
    lexer.token().ok()??;
    let escape = lexer.token().ok()??;
    Some((literal.end, escape.text(quoted).get(1..)?.strip_suffix('\'')?))
}

fn may_escape(letter: char) -> bool {
    !letter.is_ascii_hexdigit() && !letter.is_ascii_whitespace() && !"+'\"".contains(letter)
}

fn unicode_body(raw: &str, escape: char, start: usize) -> Result<String, Error> {
    let check = Escapes { raw, start };
    let mut out = String::with_capacity(raw.len());
    let mut rest = raw;
    while let Some(at) = rest.find(escape) {
        out.push_str(&rest[..at]);
        rest = &rest[at + escape.len_utf8()..];
        if let Some(after) = rest.strip_prefix(escape) {
            out.push(escape);
            rest = after;
            continue;
        }
        let (mut code, mut after) = code_point(rest, start)?;
        if is_high(code) {
            let tail = after.strip_prefix(escape).ok_or_else(|| check.pair())?;
            let (low, tail) = code_point(tail, start)?;
            if !is_low(low) {
                return Err(check.pair());
            }
            (code, after) = (joined(code, low), tail);
        }
        out.push(check.checked(code)?);
        rest = after;
    }
    out.push_str(rest);
    Ok(out)
}

fn code_point(rest: &str, start: usize) -> Result<(u32, &str), Error> {
    let found = match rest.strip_prefix('+') {
        Some(long) => hex_digits(long, 6),
        None => hex_digits(rest, 4),
    };
    found.ok_or_else(|| bad_escape("invalid Unicode escape", start))
}

fn bits(body: &str, start: usize) -> Result<Literal, Error> {
    match body.chars().find(|letter| !matches!(letter, '0' | '1')) {
        None => Ok(Literal::Bits(body.to_owned())),
        Some(letter) => Err(bad_digit(letter, "binary", start)),
    }
}

fn hex_bits(body: &str, start: usize) -> Result<Literal, Error> {
    let mut digits = String::with_capacity(body.len() * 4);
    for letter in body.chars() {
        let digit = letter.to_digit(16).ok_or_else(|| bad_digit(letter, "hexadecimal", start))?;
        digits.push_str(&format!("{digit:04b}"));
    }
    Ok(Literal::Bits(digits))
}

fn bad_digit(letter: char, radix: &str, start: usize) -> Error {
    let message = format!("\"{letter}\" is not a valid {radix} digit");
    ErrorKind::Literal(BadValue { sqlstate: "22P02", message }).at(start)
}

fn integer(spelling: &str) -> Literal {
    let (radix, digits) = match spelling.as_bytes() {
        [b'0', b'x' | b'X', ..] => (16, &spelling[2..]),
        [b'0', b'o' | b'O', ..] => (8, &spelling[2..]),
        [b'0', b'b' | b'B', ..] => (2, &spelling[2..]),
        _ => (10, spelling),
    };
    let plain = || digits.bytes().filter(|byte| *byte != b'_').map(char::from);
    let small = plain().try_fold(0i64, |sum, letter| {
        sum.checked_mul(i64::from(radix))?.checked_add(i64::from(letter.to_digit(radix)?))
    });
    match small {
        Some(integer) => Literal::Integer(integer),
        None if radix == 10 => Literal::Numeric(plain().collect()),
        None => Literal::Numeric(to_decimal(plain(), radix)),
    }
}

/// Digits of another radix as decimal digits, however many.
fn to_decimal(digits: impl Iterator<Item = char>, radix: u32) -> String {
    let mut decimal = vec![0u32];
    for digit in digits.filter_map(|letter| letter.to_digit(radix)) {
        let mut carry = digit;
        for place in &mut decimal {
            let sum = *place * radix + carry;
            *place = sum % 10;
            carry = sum / 10;
        }
        while carry > 0 {
            decimal.push(carry % 10);
            carry /= 10;
        }
    }
    decimal.iter().rev().filter_map(|place| char::from_digit(*place, 10)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decode(text: &str) -> Result<Literal, String> {
        let token = Lexer::new(text).token().unwrap().unwrap();
        assert_eq!(token.range(), 0..text.len(), "{text}");
        Literal::decode(token, text).map_err(|error| error.to_string())
    }

    fn string(text: &str) -> String {
        match decode(text) {
            Ok(Literal::String(value)) => value,
            other => panic!("{text}: {other:?}"),
        }
    }

    #[test]
    fn strings() {
        assert_eq!(string("''"), "");
        assert_eq!(string("'it''s'"), "it's");
        assert_eq!(string(r"'x\'"), r"x\");
        assert_eq!(string("'a' -- it's\n  'b'\n'c'"), "abc");
        assert_eq!(string("N'n'"), "n");
        assert_eq!(string("$$a'b$$"), "a'b");
        assert_eq!(string("$t$ $$ $t$"), " $$ ");
        assert_eq!(string("'é''ü'"), "é'ü");
    }

    #[test]
    fn escape_strings() {
        assert_eq!(string(r"E'\n\t\\\'\q'"), "\n\t\\'q");
        assert_eq!(string(r"e'a''b\''"), "a'b'");
        assert_eq!(string(r"E'\x41\101\u00e9\U0001F600'"), "AAé😀");
        assert_eq!(string(r"E'\uD83D\uDE00\xc3\xa9'"), "😀é");
        assert_eq!(string("E'a\\\\'\n'\\n'"), "a\\\n");
        assert_eq!(string(r"E'\x'"), "x");
        assert_eq!(decode(r"E'\u12'").unwrap_err(), "invalid Unicode escape");
        assert_eq!(decode(r"E'\uD83D'").unwrap_err(), "invalid Unicode surrogate pair");
        assert_eq!(
            decode(r"E'\xff'").unwrap_err(),
            "invalid byte sequence for encoding \"UTF8\": 0xff"
        );
        assert!(decode(r"E'a\0b'").is_err());
    }

    #[test]
    fn unicode_strings() {
        assert_eq!(string(r"U&'d\0061t\+000061'"), "data");
        assert_eq!(string(r"U&'d!0061t!!' UESCAPE '!'"), "dat!");
        assert_eq!(string(r"U&'\\\D83D\DE00'"), "\\😀");
        assert_eq!(decode(r"U&'\00'").unwrap_err(), "invalid Unicode escape");
        let odd = decode(r"U&'x' UESCAPE 'a'").unwrap_err();
        assert_eq!(odd, "invalid Unicode escape character");
    }

    #[test]
    fn names() {
        let name = |text: &str| name(Lexer::new(text).token().unwrap().unwrap(), text).unwrap();
        assert_eq!(name("FooÄ"), "fooÄ");
        assert_eq!(name(r#""Foo ""x""""#), r#"Foo "x""#);
        assert_eq!(name(r#"U&"d*0061t""a\" uescape '*'"#), r#"dat"a\"#);
    }

    #[test]
    fn numbers() {
        assert_eq!(decode("42"), Ok(Literal::Integer(42)));
        assert_eq!(decode("1_000"), Ok(Literal::Integer(1000)));
        assert_eq!(decode("0x1F"), Ok(Literal::Integer(31)));
        assert_eq!(decode("0b1_01"), Ok(Literal::Integer(5)));
        assert_eq!(decode("0o17"), Ok(Literal::Integer(15)));
        assert_eq!(
            decode("9223372036854775808"),
            Ok(Literal::Numeric("9223372036854775808".into()))
        );
        assert_eq!(
            decode("0x10000000000000000"),
            Ok(Literal::Numeric("18446744073709551616".into()))
        );
        assert_eq!(decode("1.5e3"), Ok(Literal::Numeric("1.5e3".into())));
        assert_eq!(decode("1.5").unwrap().value(), Value::Real(1.5));
        let long = "1234567890.1234567";
        assert_eq!(decode(long).unwrap().value(), Value::Text(long.into()));
        let large = format!("1{}", "0".repeat(999));
        assert_eq!(decode("1e999").unwrap().value(), Value::Text(large));
    }

    #[test]
    fn bit_strings() {
        assert_eq!(decode("B'0101'"), Ok(Literal::Bits("0101".into())));
        assert_eq!(decode("X'1f'"), Ok(Literal::Bits("00011111".into())));
        assert_eq!(decode("B'2'").unwrap_err(), "\"2\" is not a valid binary digit");
    }
}
