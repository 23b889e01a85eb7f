//! JSON read where it stands, without building a tree.
//!
//! What enters: text. What leaves: slices of it, so `json` keeps its spaces and spelling. Text that
//! is not JSON is an error, however deep it is hidden; nesting is bounded.
//! <https://www.rfc-editor.org/rfc/rfc8259>

use crate::sqlite::host::FunctionError;

type Result<T> = std::result::Result<T, FunctionError>;

/// Levels of nesting; Postgres stops where its stack does.
const DEPTH_MAX: usize = 500;

/// What a JSON value is, by its first character.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kind {
    /// `null`
    Null,
    /// A string.
    String,
    /// A number.
    Number,
    /// `false`
    False,
    /// `true`
    True,
    /// An array.
    Array,
    /// An object.
    Object,
}

impl Kind {
    /// The kind of a value that has been scanned.
    pub(super) fn of(raw: &str) -> Self {
        match raw.trim_start().bytes().next() {
            Some(b'{') => Self::Object,
            Some(b'[') => Self::Array,
            Some(b'"') => Self::String,
            Some(b't') => Self::True,
            Some(b'f') => Self::False,
            Some(b'n') | None => Self::Null,
            Some(_) => Self::Number,
        }
    }

    /// `json_typeof`
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::String => "string",
            Self::Number => "number",
            Self::False | Self::True => "boolean",
            Self::Array => "array",
            Self::Object => "object",
        }
    }
}

/// 22P02
fn invalid() -> FunctionError {
    FunctionError::new("22P02", "invalid input syntax for type json")
}

/// A place in a text.
pub(super) struct Cursor<'a> {
    text: &'a str,
    at: usize,
    depth: usize,
}

impl<'a> Cursor<'a> {
    /// The start of a text.
    pub(super) fn new(text: &'a str) -> Self {
        Self { text, at: 0, depth: 0 }
    }

    /// The one value the text holds, without the spaces around it.
    pub(super) fn only_value(&mut self) -> Result<&'a str> {
        let value = self.value()?;
        self.end()?;
        Ok(value)
    }

    /// What comes next.
    pub(super) fn kind(&mut self) -> Kind {
        self.spaces();
        Kind::of(&self.text[self.at..])
    }

    /// Nothing comes after.
    pub(super) fn end(&mut self) -> Result<()> {
        self.spaces();
        if self.at == self.text.len() { Ok(()) } else { Err(invalid()) }
    }

    /// Goes through an array; the callee reads each item.
    pub(super) fn each_item(&mut self, item: impl FnMut(&mut Self) -> Result<()>) -> Result<()> {
        self.each(b'[', b']', item)
    }

    /// Goes through an object; the callee reads the value of each key.
    pub(super) fn each_member(
        &mut self,
        mut member: impl FnMut(&mut Self, &'a str) -> Result<()>,
    ) -> Result<()> {
        self.each(b'{', b'}', |cursor| {
            let key = cursor.key()?;
            member(cursor, key)
        })
    }

    /// The items of an array.
    pub(super) fn elements(&mut self) -> Result<Vec<&'a str>> {
        let mut items = Vec::new();
        self.each(b'[', b']', |cursor| {
            items.push(cursor.value()?);
            Ok(())
        })?;
        Ok(items)
    }

    /// The members of an object, keys as written.
    pub(super) fn members(&mut self) -> Result<Vec<(&'a str, &'a str)>> {
        let mut members = Vec::new();
        self.each(b'{', b'}', |cursor| {
            members.push(cursor.member()?);
            Ok(())
        })?;
        Ok(members)
    }

    fn member(&mut self) -> Result<(&'a str, &'a str)> {
        Ok((self.key()?, self.value()?))
    }

    fn key(&mut self) -> Result<&'a str> {
        self.spaces();
        let key = self.string()?;
        self.spaces();
        self.expect(b':')?;
        Ok(key)
    }

    fn each(
        &mut self,
        open: u8,
        close: u8,
        mut item: impl FnMut(&mut Self) -> Result<()>,
    ) -> Result<()> {
        self.spaces();
        self.expect(open)?;
        self.depth += 1;
        if self.depth > DEPTH_MAX {
            return Err(FunctionError::new("54001", "stack depth limit exceeded"));
        }
        self.spaces();
        if self.peek() == Some(close) {
            self.at += 1;
            self.depth -= 1;
            return Ok(());
        }
        loop {
            item(self)?;
            self.spaces();
            if self.peek() == Some(b',') {
                self.at += 1;
                continue;
            }
            self.depth -= 1;
            return self.expect(close);
        }
    }

    /// The next value, skipped.
    pub(super) fn value(&mut self) -> Result<&'a str> {
        self.spaces();
        let start = self.at;
        match self.peek() {
            Some(b'{') => self.each(b'{', b'}', |cursor| cursor.member().map(drop))?,
            Some(b'[') => self.each(b'[', b']', |cursor| cursor.value().map(drop))?,
            Some(b'"') => drop(self.string()?),
            Some(b't') => self.word("true")?,
            Some(b'f') => self.word("false")?,
            Some(b'n') => self.word("null")?,
            _ => self.number()?,
        }
        Ok(&self.text[start..self.at])
    }

    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn spaces(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.at += 1;
        }
    }

    fn expect(&mut self, byte: u8) -> Result<()> {
        if self.peek() != Some(byte) {
            return Err(invalid());
        }
        self.at += 1;
        Ok(())
    }

    fn word(&mut self, word: &str) -> Result<()> {
        let end = self.at + word.len();
        let next = self.text.as_bytes().get(end).copied().unwrap_or(b' ');
        let whole = self.text.get(self.at..end) == Some(word) && !next.is_ascii_alphanumeric();
        self.at = end;
        if whole { Ok(()) } else { Err(invalid()) }
    }

    fn digits(&mut self) -> usize {
        let start = self.at;
        while self.peek().is_some_and(|b| b.is_ascii_digit()) {
            self.at += 1;
        }
        self.at - start
    }

    fn number(&mut self) -> Result<()> {
        if self.peek() == Some(b'-') {
            self.at += 1;
        }
        let leading_zero = self.peek() == Some(b'0');
        let whole = self.digits();
        if whole == 0 || (leading_zero && whole > 1) {
            return Err(invalid());
        }
        if self.peek() == Some(b'.') {
            self.at += 1;
            if self.digits() == 0 {
                return Err(invalid());
            }
        }
        if matches!(self.peek(), Some(b'e' | b'E')) {
            self.at += 1;
            if matches!(self.peek(), Some(b'+' | b'-')) {
                self.at += 1;
            }
            if self.digits() == 0 {
                return Err(invalid());
            }
        }
        if self.peek().is_some_and(|b| b.is_ascii_alphanumeric()) { Err(invalid()) } else { Ok(()) }
    }

    /// A string with its quotes.
    fn string(&mut self) -> Result<&'a str> {
        let start = self.at;
        self.expect(b'"')?;
        loop {
            match self.peek().ok_or_else(invalid)? {
                b'"' => break,
                b'\\' => self.escape()?,
                0..0x20 => return Err(invalid()),
                _ => self.at += 1,
            }
        }
        self.at += 1;
        Ok(&self.text[start..self.at])
    }

    fn escape(&mut self) -> Result<()> {
        let bytes = self.text.as_bytes();
        match bytes.get(self.at + 1) {
            Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => self.at += 2,
            Some(b'u') => {
                let digits = bytes.get(self.at + 2..self.at + 6).ok_or_else(invalid)?;
                if !digits.iter().all(u8::is_ascii_hexdigit) {
                    return Err(invalid());
                }
                self.at += 6;
            }
            _ => return Err(invalid()),
        }
        Ok(())
    }
}

/// The text of a scanned string.
pub(super) fn unquote(raw: &str) -> Result<String> {
    let inner = raw.strip_prefix('"').and_then(|s| s.strip_suffix('"')).ok_or_else(invalid)?;
    if !inner.contains('\\') {
        return Ok(inner.to_owned());
    }
    if inner.contains("\\u0000") {
        let message = "unsupported Unicode escape sequence";
        return Err(FunctionError::new("22P05", message));
    }
    serde_json::from_str(raw).map_err(|_error| invalid())
}

/// Writes a string in quotes, escaped as Postgres escapes.
pub(super) fn quote(out: &mut String, s: &str) {
    out.push('"');
    for c in s.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\x08' => out.push_str("\\b"),
            '\x0c' => out.push_str("\\f"),
            c if c < ' ' => out.push_str(&format!("\\u{:04x}", u32::from(c))),
            c => out.push(c),
        }
    }
    out.push('"');
}
