//! The text format: one line a row, backslash escapes.
//! <https://www.postgresql.org/docs/15/sql-copy.html#id-1.9.3.55.9.2>

use super::field::Fields;
use super::finder::Finder;

/// Escapes values on their way out.
pub(super) struct Escaper {
    stops: Finder<8>,
    rest: Vec<u8>,
}

impl Escaper {
    pub(super) fn new(delimiter: u8) -> Self {
        let stops = [8, b'\t', b'\n', 11, 12, b'\r', b'\\', delimiter];
        Self { stops: Finder::new(stops), rest: Vec::new() }
    }

    /// Escapes what stands in `out` from `start`.
    #[inline]
    pub(super) fn escape(&mut self, out: &mut Vec<u8>, start: usize) {
        if let Some(at) = self.stops.find(&out[start..]) {
            self.escape_from(out, start + at);
        }
    }

    fn escape_from(&mut self, out: &mut Vec<u8>, at: usize) {
        self.rest.clear();
        self.rest.extend_from_slice(&out[at..]);
        out.truncate(at);
        let mut rest = self.rest.as_slice();
        while let Some(at) = self.stops.find(rest) {
            out.extend_from_slice(&rest[..at]);
            out.extend_from_slice(&[b'\\', letter(rest[at])]);
            rest = &rest[at + 1..];
        }
        out.extend_from_slice(rest);
    }
}

/// What stands behind the backslash for a byte.
fn letter(byte: u8) -> u8 {
    match byte {
        8 => b'b',
        b'\t' => b't',
        b'\n' => b'n',
        11 => b'v',
        12 => b'f',
        b'\r' => b'r',
        other => other,
    }
}

/// Cuts lines into fields.
pub(super) struct Splitter {
    delimiter: u8,
    null: Vec<u8>,
    delimiters: Finder<1>,
    stops: Finder<2>,
}

impl Splitter {
    pub(super) fn new(delimiter: u8, null: &str) -> Self {
        Self {
            delimiter,
            null: null.as_bytes().to_vec(),
            delimiters: Finder::new([delimiter]),
            stops: Finder::new([delimiter, b'\\']),
        }
    }

    /// The fields of a line; `escaped` tells that it has a backslash.
    pub(super) fn split(&self, line: &[u8], escaped: bool, fields: &mut Fields) {
        let mut at = 0;
        loop {
            let rest = &line[at..];
            let length = match escaped {
                false => self.delimiters.find(rest),
                true => self.stops.find(rest),
            };
            let end = at + length.unwrap_or(rest.len());
            let end = match line.get(end) {
                Some(b'\\') => self.cook(line, at, end, fields),
                _ => {
                    self.push(line, at, end, fields);
                    end
                }
            };
            if end >= line.len() {
                return;
            }
            at = end + 1;
        }
    }

    fn push(&self, line: &[u8], start: usize, end: usize, fields: &mut Fields) {
        if line[start..end] == *self.null {
            fields.push_null();
        } else {
            fields.push_raw(start..end);
        }
    }

    /// A field from `start` whose first backslash is at `at`: where it ends.
    fn cook(&self, line: &[u8], start: usize, mut at: usize, fields: &mut Fields) -> usize {
        let cooked = fields.begin_cooked();
        fields.cook(&line[start..at]);
        let mut end = line.len();
        while let Some(&byte) = line.get(at) {
            match byte {
                _ if byte == self.delimiter => {
                    end = at;
                    break;
                }
                b'\\' => at += unescape(&line[at..], fields),
                _ => {
                    let stop = self.stops.find(&line[at..]);
                    let stop = stop.map_or(line.len(), |length| at + length);
                    fields.cook(&line[at..stop]);
                    at = stop;
                }
            }
        }
        // NULL is what the line holds, not what its escapes mean.
        if line[start..end] == *self.null {
            fields.push_null();
        } else {
            fields.push_cooked(cooked);
        }
        end
    }
}

/// The byte an escape means; how long the escape is.
fn unescape(escape: &[u8], fields: &mut Fields) -> usize {
    let Some(&letter) = escape.get(1) else { return 1 };
    let digits = |from: usize, most: usize, radix: u32| {
        let digits = escape[from..].iter().take(most);
        digits.map_while(|byte| char::from(*byte).to_digit(radix)).count()
    };
    let (byte, length) = match letter {
        b'0'..=b'7' => number(escape, 1, digits(1, 3, 8), 8),
        b'x' if digits(2, 1, 16) > 0 => number(escape, 2, digits(2, 2, 16), 16),
        b'b' => (8, 2),
        b'f' => (12, 2),
        b'n' => (b'\n', 2),
        b'r' => (b'\r', 2),
        b't' => (b'\t', 2),
        b'v' => (11, 2),
        other => (other, 2),
    };
    fields.cook(&[byte]);
    length
}

/// A byte in digits, of which only the low eight bits count; and where the digits end.
fn number(escape: &[u8], from: usize, count: usize, radix: u32) -> (u8, usize) {
    let digits = escape[from..from + count].iter();
    let value = digits.fold(0, |value, byte| {
        value * radix + char::from(*byte).to_digit(radix).unwrap_or_default()
    });
    ((value & 0xFF) as u8, from + count)
}
