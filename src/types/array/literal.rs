//! Array literals: `{1,"b c",NULL}`.

use super::DIMENSIONS_MAX;
use crate::types::Error;

/// An element's text, without quotes and escapes; `None` is NULL.
type Item = Option<Vec<u8>>;

/// Cuts a literal into its dimensions and elements. Lower bounds (`[0:2]=`) are passed over.
pub(super) fn parse(text: &str, delimiter: u8) -> Result<(Vec<usize>, Vec<Item>), Error> {
    let fail = |detail| Error::ArraySyntax { text: text.to_owned(), detail };
    let body = skip_bounds(text.trim_ascii()).ok_or_else(|| fail("Missing \"]\" or \"=\"."))?;
    if !body.starts_with('{') {
        return Err(fail("Array value must start with \"{\" or dimension information."));
    }
    let mut reader = Reader { rest: body.as_bytes(), delimiter, ..Reader::default() };
    match reader.level(0) {
        Ok(()) => {}
        Err(Fault::Syntax(detail)) => return Err(fail(detail)),
        Err(Fault::Shape) => {
            let rule = "Multidimensional arrays must have sub-arrays with matching dimensions.";
            return Err(fail(rule));
        }
        Err(Fault::Depth) => return Err(Error::ArrayDimensions),
    }
    if !reader.rest.trim_ascii().is_empty() {
        return Err(fail("Junk after closing right brace."));
    }
    Ok((reader.dimensions.into_iter().flatten().collect(), reader.items))
}

/// Writes an element, in quotes where it needs them.
pub(super) fn write_quoted(out: &mut Vec<u8>, text: &[u8], delimiter: u8) {
    let special = |b: &u8| {
        matches!(b, b'"' | b'\\' | b'{' | b'}' | b' ' | b'\t' | b'\n' | b'\r' | 0x0B | 0x0C)
            || *b == delimiter
    };
    if !text.is_empty() && !text.eq_ignore_ascii_case(b"NULL") && !text.iter().any(special) {
        out.extend_from_slice(text);
        return;
    }
    out.push(b'"');
    for byte in text {
        if matches!(byte, b'"' | b'\\') {
            out.push(b'\\');
        }
        out.push(*byte);
    }
    out.push(b'"');
}

fn skip_bounds(text: &str) -> Option<&str> {
    let mut rest = text;
    if !rest.starts_with('[') {
        return Some(rest);
    }
    while let Some(tail) = rest.strip_prefix('[') {
        let (bounds, after) = tail.split_once(']')?;
        let numeric = |b: u8| b.is_ascii_digit() || matches!(b, b':' | b'-' | b'+');
        if !bounds.bytes().all(numeric) {
            return None;
        }
        rest = after;
    }
    Some(rest.trim_ascii_start().strip_prefix('=')?.trim_ascii_start())
}

enum Fault {
    Syntax(&'static str),
    Shape,
    Depth,
}

#[derive(Default)]
struct Reader<'a> {
    rest: &'a [u8],
    delimiter: u8,
    /// The length of each dimension, known once its first row was read.
    dimensions: Vec<Option<usize>>,
    items: Vec<Item>,
}

const END: Fault = Fault::Syntax("Unexpected end of input.");

impl Reader<'_> {
    /// One pair of braces and what is in it.
    fn level(&mut self, depth: usize) -> Result<(), Fault> {
        if depth == DIMENSIONS_MAX {
            return Err(Fault::Depth);
        }
        self.next()?;
        if self.dimensions.len() == depth {
            self.dimensions.push(None);
        }
        let mut count = 0;
        if self.peek()? == b'}' {
            self.next()?;
            return self.close(depth, 0);
        }
        loop {
            match self.peek()? {
                b'{' => {
                    if self.dimensions.get(depth + 1).is_none() && count > 0 {
                        return Err(Fault::Shape);
                    }
                    self.level(depth + 1)?;
                }
                _ if self.dimensions.len() > depth + 1 => return Err(Fault::Shape),
                _ => self.item()?,
            }
            count += 1;
            match self.peek()? {
                b'}' => break,
                byte if byte == self.delimiter => self.next()?,
                _ => return Err(Fault::Syntax("Unexpected array element.")),
            };
        }
        self.next()?;
        self.close(depth, count)
    }

    fn close(&mut self, depth: usize, count: usize) -> Result<(), Fault> {
        match self.dimensions.get_mut(depth) {
            Some(known @ None) => {
                *known = Some(count);
                Ok(())
            }
            Some(Some(known)) if *known == count => Ok(()),
            _ => Err(Fault::Shape),
        }
    }

    fn item(&mut self) -> Result<(), Fault> {
        if self.peek()? == b'"' {
            self.next()?;
            return self.quoted();
        }
        let mut text = Vec::new();
        // White space counts only between what does not end the element.
        let mut kept = 0;
        loop {
            match self.rest.first().copied().ok_or(END)? {
                b'}' => break,
                byte if byte == self.delimiter => break,
                b'{' => return Err(Fault::Syntax("Unexpected \"{\" character.")),
                b'"' => return Err(Fault::Syntax("Unexpected array element.")),
                b'\\' => {
                    self.next()?;
                    text.push(self.next()?);
                    kept = text.len();
                }
                byte => {
                    self.next()?;
                    text.push(byte);
                    if !byte.is_ascii_whitespace() {
                        kept = text.len();
                    }
                }
            }
        }
        text.truncate(kept);
        if text.is_empty() {
            return Err(Fault::Syntax("Unexpected element."));
        }
        let null = text.eq_ignore_ascii_case(b"NULL");
        self.items.push(if null { None } else { Some(text) });
        Ok(())
    }

    fn quoted(&mut self) -> Result<(), Fault> {
        let mut text = Vec::new();
        loop {
            match self.next()? {
                b'"' => break,
                b'\\' => text.push(self.next()?),
                byte => text.push(byte),
            }
        }
        self.items.push(Some(text));
        Ok(())
    }

    /// The next byte that is no white space.
    fn peek(&mut self) -> Result<u8, Fault> {
        self.rest = self.rest.trim_ascii_start();
        self.rest.first().copied().ok_or(END)
    }

    fn next(&mut self) -> Result<u8, Fault> {
        let (first, tail) = self.rest.split_first().ok_or(END)?;
        self.rest = tail;
        Ok(*first)
    }
}
