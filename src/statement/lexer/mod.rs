//! SQL text in, tokens with their byte ranges out, by Postgres's lexical rules.
//!
//! Every token lies on character boundaries and tokens never overlap; what lies between them is
//! white space and comments. Keywords are just words: whoever reads the tokens decides. A string
//! continued over a line end is one token, and so is a `U&` literal with its `UESCAPE`.
//! <https://www.postgresql.org/docs/15/sql-syntax-lexical.html>

mod split;

pub use split::split;

use super::error::{Error, ErrorKind};
use std::ops::Range;

/// What a token is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// An unquoted identifier or a keyword.
    Word,
    /// `"..."`
    QuotedName,
    /// `U&"..."`
    UnicodeName,
    /// `'...'` or `N'...'`
    String,
    /// `E'...'`
    EscapeString,
    /// `U&'...'`
    UnicodeString,
    /// `$tag$...$tag$`
    DollarString,
    /// `B'...'`
    BitString,
    /// `X'...'`
    HexString,
    /// Digits alone, or `0x`, `0o`, `0b` and digits.
    Integer,
    /// Digits with a point, an exponent, or both.
    Decimal,
    /// `$n`
    Parameter,
    /// Operator characters, by the longest match.
    Operator,
    /// `::`
    Cast,
    /// `..`
    DotDot,
    /// `:=`
    ColonEquals,
    /// One of `, ( ) [ ] . ; :`
    Symbol(u8),
    /// A character that begins nothing.
    Other,
}

/// A token: what it is and where.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Token {
    /// What it is.
    pub kind: Kind,
    /// Where it starts.
    pub start: usize,
    /// Where it ends.
    pub end: usize,
}

impl Token {
    /// Its bytes in the text it came from.
    #[must_use]
    pub fn range(&self) -> Range<usize> {
        self.start..self.end
    }

    /// Its spelling.
    #[must_use]
    pub fn text<'a>(&self, text: &'a str) -> &'a str {
        text.get(self.range()).unwrap_or_default()
    }

    /// It is this word, unquoted, in any case.
    #[must_use]
    pub fn is_word(&self, text: &str, word: &str) -> bool {
        self.kind == Kind::Word && self.text(text).eq_ignore_ascii_case(word)
    }

    /// It is this symbol.
    #[must_use]
    pub fn is_symbol(&self, symbol: u8) -> bool {
        self.kind == Kind::Symbol(symbol)
    }
}

impl Kind {
    /// A literal: a string, bit string or number.
    #[must_use]
    pub fn is_literal(self) -> bool {
        self.is_string() || self.is_number() || matches!(self, Self::BitString | Self::HexString)
    }

    /// A character string.
    #[must_use]
    pub fn is_string(self) -> bool {
        matches!(self, Self::String | Self::EscapeString | Self::UnicodeString | Self::DollarString)
    }

    /// A number.
    #[must_use]
    pub fn is_number(self) -> bool {
        matches!(self, Self::Integer | Self::Decimal)
    }

    /// A name that keywords cannot be.
    #[must_use]
    pub fn is_quoted_name(self) -> bool {
        matches!(self, Self::QuotedName | Self::UnicodeName)
    }
}

/// All tokens of a text.
///
/// # Errors
/// An unclosed string, name or comment, a malformed number, an empty quoted name.
pub fn tokens(text: &str) -> Result<Vec<Token>, Error> {
    let mut all = Vec::with_capacity(text.len() / 4 + 1);
    for token in Lexer::new(text) {
        all.push(token?);
    }
    Ok(all)
}

/// Reads tokens one by one; after an error there are no more.
#[derive(Clone, Debug)]
pub struct Lexer<'a> {
    text: &'a str,
    bytes: &'a [u8],
    at: usize,
}

impl Iterator for Lexer<'_> {
    type Item = Result<Token, Error>;

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        match self.token() {
            Ok(token) => token.map(Ok),
            Err(error) => {
                self.at = self.bytes.len();
                Some(Err(error))
            }
        }
    }
}

impl<'a> Lexer<'a> {
    /// Reads a text from its start.
    #[must_use]
    pub fn new(text: &'a str) -> Self {
        Self { text, bytes: text.as_bytes(), at: 0 }
    }

    /// The next token; `None` at the end.
    ///
    /// # Errors
    /// As [`tokens`].
    #[inline]
    pub fn token(&mut self) -> Result<Option<Token>, Error> {
        self.skip_space()?;
        let start = self.at;
        let Some(&first) = self.bytes.get(start) else { return Ok(None) };
        let class = class_of(first);
        let kind = if class & START != 0 {
            self.word_or_prefix(first)?
        } else if class & DIGIT != 0 {
            self.number()?
        } else if class & OPERATOR != 0 {
            self.operator();
            Kind::Operator
        } else {
            self.other(first)?
        };
        Ok(Some(Token { kind, start, end: self.at }))
    }

    /// Passes white space and comments.
    #[inline]
    pub(super) fn skip_space(&mut self) -> Result<(), Error> {
        loop {
            match self.byte(0) {
                Some(byte) if class_of(byte) & SPACE != 0 => self.at += 1,
                Some(b'-') if self.byte(1) == Some(b'-') => self.at = line_end(self.bytes, self.at),
                Some(b'/') if self.byte(1) == Some(b'*') => self.comment()?,
                _ => return Ok(()),
            }
        }
    }

    /// Where the next token would be looked for.
    pub(super) fn position(&self) -> usize {
        self.at
    }

    #[inline]
    fn byte(&self, ahead: usize) -> Option<u8> {
        self.bytes.get(self.at + ahead).copied()
    }

    fn comment(&mut self) -> Result<(), Error> {
        let start = self.at;
        let mut depth = 0usize;
        loop {
            match (self.byte(0), self.byte(1)) {
                (Some(b'/'), Some(b'*')) => {
                    depth += 1;
                    self.at += 2;
                }
                (Some(b'*'), Some(b'/')) => {
                    depth -= 1;
                    self.at += 2;
                    if depth == 0 {
                        return Ok(());
                    }
                }
                (Some(_), _) => self.at += 1,
                (None, _) => return Err(self.unterminated("/* comment", start)),
            }
        }
    }

    #[inline]
    fn word_or_prefix(&mut self, first: u8) -> Result<Kind, Error> {
        match (first, self.byte(1)) {
            (b'e' | b'E', Some(b'\'')) => self.string(1, Kind::EscapeString),
            (b'n' | b'N', Some(b'\'')) => self.string(1, Kind::String),
            (b'b' | b'B', Some(b'\'')) => self.string(1, Kind::BitString),
            (b'x' | b'X', Some(b'\'')) => self.string(1, Kind::HexString),
            (b'u' | b'U', Some(b'&')) if self.byte(2) == Some(b'\'') => {
                let kind = self.string(2, Kind::UnicodeString)?;
                self.unicode_escape_clause();
                Ok(kind)
            }
            (b'u' | b'U', Some(b'&')) if self.byte(2) == Some(b'"') => {
                let kind = self.quoted_name(2, Kind::UnicodeName)?;
                self.unicode_escape_clause();
                Ok(kind)
            }
            _ => {
                self.pass(PART);
                Ok(Kind::Word)
            }
        }
    }

    #[inline]
    fn pass(&mut self, classes: u8) {
        while self.byte(0).is_some_and(|byte| class_of(byte) & classes != 0) {
            self.at += 1;
        }
    }

    fn other(&mut self, first: u8) -> Result<Kind, Error> {
        match (first, self.byte(1)) {
            (b'\'', _) => self.string(0, Kind::String),
            (b'"', _) => self.quoted_name(0, Kind::QuotedName),
            (b'$', Some(b'0'..=b'9')) => self.parameter(),
            (b'$', _) => self.dollar_string(),
            (b'.', Some(b'0'..=b'9')) => self.number(),
            (b'.', Some(b'.')) => Ok(self.pair(Kind::DotDot)),
            (b':', Some(b':')) => Ok(self.pair(Kind::Cast)),
            (b':', Some(b'=')) => Ok(self.pair(Kind::ColonEquals)),
            (b',' | b'(' | b')' | b'[' | b']' | b'.' | b';' | b':', _) => {
                self.at += 1;
                Ok(Kind::Symbol(first))
            }
            _ => {
                self.at += 1;
                Ok(Kind::Other)
            }
        }
    }

    fn pair(&mut self, kind: Kind) -> Kind {
        self.at += 2;
        kind
    }

    /// A string whose opening quote is `prefix` bytes ahead.
    fn string(&mut self, prefix: usize, kind: Kind) -> Result<Kind, Error> {
        let start = self.at;
        self.at += prefix + 1;
        loop {
            match self.byte(0) {
                Some(b'\'') if self.byte(1) == Some(b'\'') => self.at += 2,
                Some(b'\'') => match continuation(self.bytes, self.at + 1) {
                    Some(next) => self.at = next + 1,
                    None => break,
                },
                Some(b'\\') if kind == Kind::EscapeString => self.at += 1 + self.char_len(1),
                Some(_) => self.at += 1,
                None => return Err(self.unterminated(construct_of(kind), start)),
            }
        }
        self.at += 1;
        Ok(kind)
    }

    /// Bytes of the character so many bytes ahead.
    fn char_len(&self, ahead: usize) -> usize {
        let rest = self.text.get(self.at + ahead..).unwrap_or_default();
        rest.chars().next().map_or(0, char::len_utf8)
    }

    fn quoted_name(&mut self, prefix: usize, kind: Kind) -> Result<Kind, Error> {
        let start = self.at;
        self.at += prefix + 1;
        let inside = self.at;
        loop {
            match self.byte(0) {
                Some(b'"') if self.byte(1) == Some(b'"') => self.at += 2,
                Some(b'"') => break,
                Some(_) => self.at += 1,
                None => return Err(self.unterminated("quoted identifier", start)),
            }
        }
        self.at += 1;
        if self.at == inside + 1 {
            return Err(self.malformed("zero-length delimited identifier", start));
        }
        Ok(kind)
    }

    /// Takes `UESCAPE 'c'` into the literal before it.
    fn unicode_escape_clause(&mut self) {
        let mut ahead = self.clone();
        let Ok(Some(word)) = ahead.token() else { return };
        if !word.is_word(self.text, "uescape") {
            return;
        }
        if let Ok(Some(Token { kind: Kind::String, end, .. })) = ahead.token() {
            self.at = end;
        }
    }

    fn parameter(&mut self) -> Result<Kind, Error> {
        let start = self.at;
        self.at += 1;
        self.pass(DIGIT);
        self.no_junk("trailing junk after parameter", start)?;
        Ok(Kind::Parameter)
    }

    fn dollar_string(&mut self) -> Result<Kind, Error> {
        let start = self.at;
        let mut end = start + 1;
        while self.bytes.get(end).is_some_and(|b| class_of(*b) & PART != 0 && *b != b'$') {
            end += 1;
        }
        if self.bytes.get(end) != Some(&b'$') {
            self.at += 1;
            return Ok(Kind::Other);
        }
        let delimiter = &self.text[start..=end];
        match self.text[end + 1..].find(delimiter) {
            Some(length) => {
                self.at = end + 1 + length + delimiter.len();
                Ok(Kind::DollarString)
            }
            None => Err(self.unterminated("dollar-quoted string", start)),
        }
    }

    fn number(&mut self) -> Result<Kind, Error> {
        let start = self.at;
        if let Some(radix) = self.radix() {
            return self.radix_integer(radix, start);
        }
        let mut kind = Kind::Integer;
        self.digits();
        if self.byte(0) == Some(b'.') && self.byte(1) != Some(b'.') {
            kind = Kind::Decimal;
            self.at += 1;
            self.digits();
        }
        if self.exponent() {
            kind = Kind::Decimal;
        }
        self.no_junk("trailing junk after numeric literal", start)?;
        Ok(kind)
    }

    fn radix(&self) -> Option<&'static str> {
        match (self.byte(0), self.byte(1)) {
            (Some(b'0'), Some(b'x' | b'X')) => Some("hexadecimal integer"),
            (Some(b'0'), Some(b'o' | b'O')) => Some("octal integer"),
            (Some(b'0'), Some(b'b' | b'B')) => Some("binary integer"),
            _ => None,
        }
    }

    fn radix_integer(&mut self, construct: &'static str, start: usize) -> Result<Kind, Error> {
        let radix = match construct {
            "hexadecimal integer" => 16,
            "octal integer" => 8,
            _ => 2,
        };
        self.at += 2;
        let digits = self.at;
        loop {
            let underscore = usize::from(self.byte(0) == Some(b'_'));
            match self.byte(underscore) {
                Some(byte) if char::from(byte).is_digit(radix) => self.at += underscore + 1,
                _ => break,
            }
        }
        if self.at == digits {
            let near = self.text[start..self.at].to_owned();
            return Err(ErrorKind::InvalidLiteral { construct, near }.at(start));
        }
        self.no_junk("trailing junk after numeric literal", start)?;
        Ok(Kind::Integer)
    }

    /// Digits, with single underscores between them.
    fn digits(&mut self) {
        loop {
            self.pass(DIGIT);
            let before = self.at.checked_sub(1).and_then(|at| self.bytes.get(at));
            let joined = self.byte(0) == Some(b'_')
                && before.is_some_and(u8::is_ascii_digit)
                && self.byte(1).is_some_and(|byte| byte.is_ascii_digit());
            if !joined {
                return;
            }
            self.at += 1;
        }
    }

    fn exponent(&mut self) -> bool {
        if !matches!(self.byte(0), Some(b'e' | b'E')) {
            return false;
        }
        let sign = usize::from(matches!(self.byte(1), Some(b'+' | b'-')));
        if !self.byte(1 + sign).is_some_and(|byte| byte.is_ascii_digit()) {
            return false;
        }
        self.at += 1 + sign;
        self.digits();
        true
    }

    fn no_junk(&mut self, what: &'static str, start: usize) -> Result<(), Error> {
        if self.byte(0).is_none_or(|byte| class_of(byte) & START == 0) {
            return Ok(());
        }
        self.pass(PART);
        Err(self.malformed(what, start))
    }

    /// The longest match; it ends before a comment, and in `+` or `-` only if it holds a character
    /// that no operator of standard SQL has.
    fn operator(&mut self) {
        let start = self.at;
        self.pass(OPERATOR);
        if self.at == start + 1 {
            return;
        }
        let run = &self.bytes[start..self.at];
        let comment = run.windows(2).position(|pair| pair == b"--" || pair == b"/*");
        let mut length = comment.unwrap_or(run.len()).max(1);
        let special = |byte: &u8| b"~!@#^&|`?%".contains(byte);
        if matches!(run[length - 1], b'+' | b'-') && !run[..length - 1].iter().any(special) {
            while length > 1 && matches!(run[length - 1], b'+' | b'-') {
                length -= 1;
            }
        }
        self.at = start + length;
    }

    #[cold]
    fn unterminated(&self, construct: &'static str, start: usize) -> Error {
        ErrorKind::Unterminated { construct, near: self.text[start..].to_owned() }.at(start)
    }

    #[cold]
    fn malformed(&self, what: &'static str, start: usize) -> Error {
        ErrorKind::Malformed { what, near: self.text[start..self.at].to_owned() }.at(start)
    }
}

/// Where a string that was closed before `at` goes on: the opening quote after white space that
/// holds a line end.
pub(super) fn continuation(bytes: &[u8], mut at: usize) -> Option<usize> {
    let mut line_ended = false;
    loop {
        match bytes.get(at) {
            Some(b'\n' | b'\r') => {
                line_ended = true;
                at += 1;
            }
            Some(byte) if class_of(*byte) & SPACE != 0 => at += 1,
            Some(b'-') if bytes.get(at + 1) == Some(&b'-') => at = line_end(bytes, at),
            Some(b'\'') if line_ended => return Some(at),
            _ => return None,
        }
    }
}

fn line_end(bytes: &[u8], at: usize) -> usize {
    let rest = bytes.get(at..).unwrap_or_default();
    rest.iter().position(|byte| matches!(byte, b'\n' | b'\r')).map_or(bytes.len(), |n| at + n)
}

fn construct_of(kind: Kind) -> &'static str {
    match kind {
        Kind::BitString => "bit string literal",
        Kind::HexString => "hexadecimal string literal",
        _ => "quoted string",
    }
}

const SPACE: u8 = 1;
/// Begins an identifier.
const START: u8 = 2;
const DIGIT: u8 = 4;
/// Continues an identifier.
const PART: u8 = 8;
const OPERATOR: u8 = 16;

static CLASSES: [u8; 256] = classes();

#[inline]
fn class_of(byte: u8) -> u8 {
    CLASSES[usize::from(byte)]
}

const fn classes() -> [u8; 256] {
    let mut table = [0; 256];
    let mut byte = 0u8;
    loop {
        table[byte as usize] = match byte {
            b' ' | b'\t' | b'\n' | b'\r' | 0x0b | 0x0c => SPACE,
            b'a'..=b'z' | b'A'..=b'Z' | b'_' | 0x80..=0xff => START | PART,
            b'0'..=b'9' => DIGIT | PART,
            b'$' => PART,
            b'~' | b'!' | b'@' | b'#' | b'^' | b'&' | b'|' | b'`' | b'?' => OPERATOR,
            b'+' | b'-' | b'*' | b'/' | b'%' | b'<' | b'>' | b'=' => OPERATOR,
            _ => 0,
        };
        if byte == u8::MAX {
            return table;
        }
        byte += 1;
    }
}

#[cfg(test)]
mod soup;
#[cfg(test)]
mod tests;
