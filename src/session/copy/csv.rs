//! The csv format: quotes around fields that need them.
//! <https://www.postgresql.org/docs/15/sql-copy.html#id-1.9.3.55.9.3>

use super::bad_format;
use super::field::Fields;
use super::finder::Finder;
use crate::session::error::Failure;
use crate::statement::CopyOptions;

/// Quotes values on their way out.
pub(super) struct Quoter {
    quote: u8,
    escape: u8,
    null: Vec<u8>,
    stops: Finder<4>,
    /// The row has one field only: `\.` would end the data.
    single: bool,
    plain: Vec<u8>,
}

impl Quoter {
    pub(super) fn new(options: &CopyOptions, columns: usize) -> Self {
        Self {
            quote: options.quote,
            escape: options.escape,
            null: options.null.as_bytes().to_vec(),
            stops: Finder::new([b'\n', b'\r', options.delimiter, options.quote]),
            single: columns == 1,
            plain: Vec::new(),
        }
    }

    /// Quotes what stands in `out` from `start`, if it must be or is to be quoted.
    #[inline]
    pub(super) fn quote(&mut self, out: &mut Vec<u8>, start: usize, force: bool) {
        let value = &out[start..];
        let must = force
            || value == self.null
            || self.stops.find(value).is_some()
            || (self.single && value == b"\\.");
        if must {
            self.quote_from(out, start);
        }
    }

    fn quote_from(&mut self, out: &mut Vec<u8>, start: usize) {
        self.plain.clear();
        self.plain.extend_from_slice(&out[start..]);
        out.truncate(start);
        out.push(self.quote);
        for byte in &self.plain {
            if *byte == self.quote || *byte == self.escape {
                out.push(self.escape);
            }
            out.push(*byte);
        }
        out.push(self.quote);
    }
}

/// Cuts lines into fields.
pub(super) struct Splitter {
    delimiter: u8,
    quote: u8,
    escape: u8,
    null: Vec<u8>,
    outside: Finder<2>,
    inside: Finder<2>,
}

impl Splitter {
    pub(super) fn new(options: &CopyOptions) -> Self {
        Self {
            delimiter: options.delimiter,
            quote: options.quote,
            escape: options.escape,
            null: options.null.as_bytes().to_vec(),
            outside: Finder::new([options.delimiter, options.quote]),
            inside: Finder::new([options.quote, options.escape]),
        }
    }

    /// The fields of a line.
    pub(super) fn split(&self, line: &[u8], fields: &mut Fields) -> Result<(), Failure> {
        let mut at = 0;
        loop {
            let end = self.end(&self.outside, line, at);
            let end = if line.get(end) == Some(&self.quote) {
                self.cook(line, at, fields)?
            } else {
                if line[at..end] == *self.null {
                    fields.push_null();
                } else {
                    fields.push_raw(at..end);
                }
                end
            };
            if end >= line.len() {
                return Ok(());
            }
            at = end + 1;
        }
    }

    /// A field from `at` that has quotes somewhere: where it ends.
    fn cook(&self, line: &[u8], mut at: usize, fields: &mut Fields) -> Result<usize, Failure> {
        let cooked = fields.begin_cooked();
        loop {
            let end = self.end(&self.outside, line, at);
            fields.cook(&line[at..end]);
            if line.get(end) != Some(&self.quote) {
                fields.push_cooked(cooked);
                return Ok(end);
            }
            at = self.quoted(line, end + 1, fields)?;
        }
    }

    /// Text inside quotes from `at`: what is behind the closing one.
    fn quoted(&self, line: &[u8], mut at: usize, fields: &mut Fields) -> Result<usize, Failure> {
        loop {
            let stop = self.end(&self.inside, line, at);
            fields.cook(&line[at..stop]);
            let Some(&byte) = line.get(stop) else {
                return Err(bad_format("unterminated CSV quoted field"));
            };
            let next = line.get(stop + 1).copied();
            let escaped = next.filter(|next| *next == self.escape || *next == self.quote);
            if let (true, Some(next)) = (byte == self.escape, escaped) {
                fields.cook(&[next]);
                at = stop + 2;
            } else if byte == self.quote {
                return Ok(stop + 1);
            } else {
                fields.cook(&[byte]);
                at = stop + 1;
            }
        }
    }

    fn end(&self, stops: &Finder<2>, line: &[u8], at: usize) -> usize {
        debug_assert_ne!(self.delimiter, self.quote);
        stops.find(&line[at..]).map_or(line.len(), |length| at + length)
    }
}
