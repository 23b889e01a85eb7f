//! Arrays to and from Postgres's text form, and cast element by element.
//!
//! The elements' cast arrives as the name of a function of this room, or NULL when there is none.
//! <https://www.postgresql.org/docs/15/arrays.html#ARRAYS-IO>

use super::array::{Elements, array, elements};
use super::{Args, Flags, Function, Outcome, Scalar, text};
use crate::sqlite::host::FunctionError;
use crate::types::{Value, ValueRef};

pub(super) const FUNCTIONS: &[Function] = &[
    ("pg_array_in", -1, Flags::STABLE_NULLS, array_in),
    ("pg_array_out", -1, Flags::STABLE_NULLS, array_out),
    ("pg_array_map", -1, Flags::STABLE_NULLS, array_map),
];

type Result<T> = std::result::Result<T, FunctionError>;

/// Applies the cast named by an argument to the elements.
pub(super) struct ElementCast<'a> {
    call: Option<Scalar>,
    args: &'a Args<'a>,
}

impl<'a> ElementCast<'a> {
    /// The cast named by argument `i`; none when it is NULL or missing.
    pub(super) fn named_by(args: &'a Args<'a>, i: usize) -> Result<Self> {
        let call = match args.text_if(i)? {
            None => None,
            Some(name) => {
                let missing =
                    || FunctionError::new("42883", format!("function {name} does not exist"));
                Some(super::scalar(&name).ok_or_else(missing)?.3)
            }
        };
        Ok(Self { call, args })
    }

    /// The element cast; NULL stays NULL.
    pub(super) fn apply(&self, value: Value) -> Outcome {
        match (self.call, &value) {
            (None, _) | (_, Value::Null) => Ok(value),
            (Some(call), _) => call(&Args::new(&[value.borrow()], self.args.slot())),
        }
    }
}

fn array_map(args: &Args<'_>) -> Outcome {
    if args.is_null(0) {
        return Ok(Value::Null);
    }
    let cast = ElementCast::named_by(args, 1)?;
    array(elements(args, 0)?.map(|value| cast.apply(value))?)
}

fn array_out(args: &Args<'_>) -> Outcome {
    if args.is_null(0) {
        return Ok(Value::Null);
    }
    let mut cast = ElementCast::named_by(args, 1)?;
    // An element is shown by its output function, which for a boolean alone is not its cast.
    if args.text_if(1)?.as_deref() == Some("pg_bool_to_text") {
        cast.call = super::scalar("pg_bool_out").map(|row| row.3);
    }
    let shown = elements(args, 0)?.map(|value| cast.apply(value))?;
    let mut out = String::new();
    shown.write(&mut out, ["{", ",", "}"], &mut write_element);
    text(out)
}

fn write_element(out: &mut String, value: &Value) {
    match value {
        Value::Null => out.push_str("NULL"),
        value => {
            let shown = text::display(value.borrow()).unwrap_or_default();
            if needs_quotes(&shown) {
                out.push('"');
                for c in shown.chars() {
                    if matches!(c, '"' | '\\') {
                        out.push('\\');
                    }
                    out.push(c);
                }
                out.push('"');
            } else {
                out.push_str(&shown);
            }
        }
    }
}

fn needs_quotes(s: &str) -> bool {
    let special = |b: u8| matches!(b, b'"' | b'\\' | b'{' | b'}' | b',' | b' ' | b'\t'..=b'\r');
    s.is_empty() || s.eq_ignore_ascii_case("null") || s.bytes().any(special)
}

fn array_in(args: &Args<'_>) -> Outcome {
    if args.is_null(0) {
        return Ok(Value::Null);
    }
    let cast = ElementCast::named_by(args, 1)?;
    let s = args.text(0)?;
    // An inside-SQLite form passes: parameters and columns hold arrays so.
    if args.value(0) != ValueRef::Null && s.starts_with('[') && !s.contains("]={") {
        return array(Elements::parse(&s)?);
    }
    let read = Reader { s: &s, at: 0 }.read()?;
    let ragged = |_| FunctionError::new("22P02", format!("malformed array literal: \"{s}\""));
    array(Elements::parse(&read).map_err(ragged)?.map(|value| cast.apply(value))?)
}

/// Turns `{a,"b c",NULL}` into a JSON array of strings.
struct Reader<'a> {
    s: &'a str,
    at: usize,
}

impl Reader<'_> {
    fn malformed(&self) -> FunctionError {
        FunctionError::new("22P02", format!("malformed array literal: \"{}\"", self.s))
    }

    fn read(mut self) -> Result<String> {
        self.skip_spaces();
        // `[l:u]={...}` with bounds other than 1 would be silently changed: refused.
        if let Some(end) = self.s[self.at..].find("]=") {
            let bounds = &self.s[self.at..self.at + end];
            if bounds.split(['[', ']']).any(|b| !b.is_empty() && !b.starts_with("1:")) {
                let message = "array lower bounds other than 1 are not supported";
                return Err(FunctionError::new("0A000", message));
            }
            self.at += end + 2;
        }
        let mut out = String::with_capacity(self.s.len() + 8);
        self.dimension(&mut out, 0)?;
        self.skip_spaces();
        if self.at == self.s.len() { Ok(out) } else { Err(self.malformed()) }
    }

    fn skip_spaces(&mut self) {
        let rest = &self.s[self.at..];
        self.at += rest.len() - rest.trim_start_matches(is_space).len();
    }

    fn peek(&self) -> Option<u8> {
        self.s.as_bytes().get(self.at).copied()
    }

    fn dimension(&mut self, out: &mut String, depth: usize) -> Result<()> {
        if self.peek() != Some(b'{') || depth > 6 {
            return Err(self.malformed());
        }
        self.at += 1;
        out.push('[');
        self.skip_spaces();
        if self.peek() == Some(b'}') {
            self.at += 1;
            out.push(']');
            return Ok(());
        }
        loop {
            self.skip_spaces();
            match self.peek() {
                Some(b'{') => self.dimension(out, depth + 1)?,
                Some(b'"') => self.quoted(out)?,
                _ => self.bare(out)?,
            }
            self.skip_spaces();
            let mark = self.peek();
            self.at += 1;
            match mark {
                Some(b',') => out.push(','),
                Some(b'}') => break,
                _ => return Err(self.malformed()),
            }
        }
        out.push(']');
        Ok(())
    }

    fn quoted(&mut self, out: &mut String) -> Result<()> {
        let mut value = String::new();
        let mut characters = self.s[self.at + 1..].char_indices();
        while let Some((offset, c)) = characters.next() {
            match c {
                '"' => {
                    self.at += 1 + offset + 1;
                    super::json_scan::quote(out, &value);
                    return Ok(());
                }
                '\\' => value.extend(characters.next().map(|(_, escaped)| escaped)),
                c => value.push(c),
            }
        }
        Err(self.malformed())
    }

    fn bare(&mut self, out: &mut String) -> Result<()> {
        let mut value = String::new();
        let mut escaped = false;
        let mut characters = self.s[self.at..].char_indices();
        let mut end = self.s.len();
        while let Some((offset, c)) = characters.next() {
            match c {
                ',' | '}' => {
                    end = self.at + offset;
                    break;
                }
                '{' | '"' => return Err(self.malformed()),
                '\\' => {
                    escaped = true;
                    value.extend(characters.next().map(|(_, escaped)| escaped));
                }
                c => value.push(c),
            }
        }
        self.at = end;
        let word = value.trim_end_matches(is_space);
        if word.is_empty() {
            return Err(self.malformed());
        }
        if !escaped && word.eq_ignore_ascii_case("null") {
            out.push_str("null");
        } else {
            super::json_scan::quote(out, word);
        }
        Ok(())
    }
}

fn is_space(c: char) -> bool {
    matches!(c, ' ' | '\t'..='\r')
}
