//! CopyData in text and csv cut into lines, wherever the messages were cut.
//!
//! A line's end is `\n`, `\r` or `\r\n`; the first one decides for all. In text a backslash takes
//! the next byte with it, in csv quotes do. `\.` ends the data.

use super::bad_format;
use super::finder::Finder;
use crate::session::error::Failure;

/// A longer line is refused: no more fits in a SQLite value.
const LINE_MAX: usize = 0x3fff_ffff;

/// Cuts lines.
pub(super) struct Lines {
    csv: Option<Quotes>,
    stops: Finder<4>,
    end: LineEnd,
    state: State,
    /// The beginning of a line whose end has not come.
    carry: Vec<u8>,
    /// The next byte begins a line.
    fresh: bool,
    escaped: bool,
    /// `\.` was read: the rest is ignored.
    over: bool,
    number: u64,
}

/// A line without its end.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Line<'a> {
    pub(super) bytes: &'a [u8],
    /// It has a backslash that counts.
    pub(super) escaped: bool,
    /// Its number from 1; the last one's when it spans several.
    pub(super) number: u64,
}

/// Whether a csv line end is inside quotes.
struct Quotes {
    quote: u8,
    /// None when the quote itself escapes.
    escape: Option<u8>,
    inside: bool,
    after_escape: bool,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum LineEnd {
    Unknown,
    Newline,
    Return,
    ReturnNewline,
}

#[derive(Clone, Copy)]
enum State {
    Plain,
    /// After a backslash.
    Escape,
    /// After `\r`, of which the next byte tells what it is.
    Return,
    /// After `\.`.
    Marker,
}

/// Where a line ends: so many bytes of the chunk are used up, of which (and of what came before) the
/// last `trim` are the end itself.
struct Cut {
    used: usize,
    trim: usize,
}

impl Lines {
    /// Lines of text.
    pub(super) fn text() -> Self {
        Self::new(None, Finder::new([b'\n', b'\r', b'\\', b'\\']))
    }

    /// Lines of csv with these quote and escape characters.
    pub(super) fn csv(quote: u8, escape: u8) -> Self {
        let stops = Finder::new([b'\n', b'\r', quote, escape]);
        let escape = (quote != escape).then_some(escape);
        Self::new(Some(Quotes { quote, escape, inside: false, after_escape: false }), stops)
    }

    fn new(csv: Option<Quotes>, stops: Finder<4>) -> Self {
        Self {
            csv,
            stops,
            end: LineEnd::Unknown,
            state: State::Plain,
            carry: Vec::new(),
            fresh: true,
            escaped: false,
            over: false,
            number: 0,
        }
    }

    /// The number of the line being read.
    pub(super) fn number(&self) -> u64 {
        self.number
    }

    /// The next line that ends in `chunk`, which is shortened by what was read.
    pub(super) fn next<'a, 'c: 'a>(
        &'a mut self,
        chunk: &mut &'c [u8],
    ) -> Result<Option<Line<'a>>, Failure> {
        if self.over || chunk.is_empty() {
            *chunk = &[];
            return Ok(None);
        }
        self.begin_line();
        let Some(cut) = self.scan(chunk)? else {
            if self.carry.len() + chunk.len() > LINE_MAX {
                return Err(Failure::new("54000", "line of COPY data is too long"));
            }
            self.carry.extend_from_slice(chunk);
            *chunk = &[];
            return Ok(None);
        };
        let (head, tail) = chunk.split_at(cut.used);
        *chunk = if self.over { &[] } else { tail };
        self.fresh = true;
        self.state = State::Plain;
        if !self.carry.is_empty() {
            self.carry.extend_from_slice(head);
        }
        let whole = if self.carry.is_empty() { head } else { &self.carry };
        let bytes = &whole[..whole.len() - cut.trim];
        if self.over && bytes.is_empty() {
            return Ok(None);
        }
        Ok(Some(Line { bytes, escaped: self.escaped, number: self.number }))
    }

    /// The last line, when the data does not end with a line's end.
    pub(super) fn finish(&mut self) -> Result<Option<Line<'_>>, Failure> {
        if self.over || self.fresh {
            return Ok(None);
        }
        self.over = true;
        let trim = match self.state {
            State::Return if self.end == LineEnd::ReturnNewline => {
                return Err(self.literal_return());
            }
            State::Return => 1,
            State::Marker => 2,
            State::Plain | State::Escape => 0,
        };
        let bytes = &self.carry[..self.carry.len() - trim];
        if matches!(self.state, State::Marker) && bytes.is_empty() {
            return Ok(None);
        }
        Ok(Some(Line { bytes, escaped: self.escaped, number: self.number }))
    }

    fn begin_line(&mut self) {
        if self.fresh {
            self.fresh = false;
            self.escaped = false;
            self.number += 1;
            self.carry.clear();
        }
    }

    fn scan(&mut self, chunk: &[u8]) -> Result<Option<Cut>, Failure> {
        let mut at = 0;
        loop {
            if matches!(self.state, State::Plain) {
                at += self.skip(&chunk[at..], at);
            }
            let Some(&byte) = chunk.get(at) else { return Ok(None) };
            let cut = match self.state {
                State::Plain => {
                    at += 1;
                    self.plain(byte, at)?
                }
                State::Escape => {
                    at += usize::from(self.csv.is_none() || byte == b'.');
                    self.state = if byte == b'.' { State::Marker } else { State::Plain };
                    None
                }
                State::Return => Some(self.after_return(byte, at)?),
                State::Marker => self.after_marker(byte, at)?,
            };
            if cut.is_some() {
                return Ok(cut);
            }
        }
    }

    /// How many bytes mean nothing here.
    fn skip(&mut self, bytes: &[u8], at: usize) -> usize {
        // The first byte of a csv line may begin `\.`.
        if self.csv.is_some() && at == 0 && self.carry.is_empty() {
            return 0;
        }
        let skipped = self.stops.find(bytes).unwrap_or(bytes.len());
        if let Some(quotes) = &mut self.csv
            && skipped > 0
        {
            quotes.after_escape = false;
        }
        skipped
    }

    /// A byte that is neither escaped nor follows `\r`; `at` is behind it.
    fn plain(&mut self, byte: u8, at: usize) -> Result<Option<Cut>, Failure> {
        let first = at == 1 && self.carry.is_empty();
        if let Some(quotes) = &mut self.csv {
            quotes.pass(byte);
            if quotes.inside {
                // As Postgres counts: before the first line's end nobody knows what one is.
                let newline = if self.end == LineEnd::Newline { b'\n' } else { b'\r' };
                self.number += u64::from(byte == newline);
                return Ok(None);
            }
        }
        match (byte, self.end) {
            (b'\n', LineEnd::Return | LineEnd::ReturnNewline) => Err(self.literal_newline()),
            (b'\n', _) => {
                self.end = LineEnd::Newline;
                Ok(Some(Cut { used: at, trim: 1 }))
            }
            (b'\r', LineEnd::Newline) => Err(self.literal_return()),
            (b'\r', LineEnd::Return) => Ok(Some(Cut { used: at, trim: 1 })),
            (b'\r', _) => {
                self.state = State::Return;
                Ok(None)
            }
            (b'\\', _) if self.csv.is_none() || first => {
                self.escaped = true;
                self.state = State::Escape;
                Ok(None)
            }
            _ => Ok(None),
        }
    }

    fn after_return(&mut self, byte: u8, at: usize) -> Result<Cut, Failure> {
        if byte == b'\n' {
            self.end = LineEnd::ReturnNewline;
            return Ok(Cut { used: at + 1, trim: 2 });
        }
        if self.end == LineEnd::ReturnNewline {
            return Err(self.literal_return());
        }
        self.end = LineEnd::Return;
        Ok(Cut { used: at, trim: 1 })
    }

    fn after_marker(&mut self, byte: u8, at: usize) -> Result<Option<Cut>, Failure> {
        let fits = match self.end {
            LineEnd::Unknown => matches!(byte, b'\r' | b'\n'),
            LineEnd::Newline => byte == b'\n',
            LineEnd::Return | LineEnd::ReturnNewline => byte == b'\r',
        };
        if fits {
            self.over = true;
            return Ok(Some(Cut { used: at, trim: 2 }));
        }
        if self.csv.is_some() {
            // Data that begins with `\.`.
            self.state = State::Plain;
            return Ok(None);
        }
        Err(bad_format(match byte {
            b'\r' | b'\n' => "end-of-copy marker does not match previous newline style",
            _ => "end-of-copy marker corrupt",
        }))
    }

    fn literal_return(&self) -> Failure {
        match self.csv {
            None => bad_format("literal carriage return found in data")
                .hint("Use \"\\r\" to represent carriage return."),
            Some(_) => bad_format("unquoted carriage return found in data")
                .hint("Use quoted CSV field to represent carriage return."),
        }
    }

    fn literal_newline(&self) -> Failure {
        match self.csv {
            None => bad_format("literal newline found in data")
                .hint("Use \"\\n\" to represent newline."),
            Some(_) => bad_format("unquoted newline found in data")
                .hint("Use quoted CSV field to represent newline."),
        }
    }
}

impl Quotes {
    fn pass(&mut self, byte: u8) {
        if self.inside && self.escape == Some(byte) {
            self.after_escape = !self.after_escape;
        }
        if byte == self.quote && !self.after_escape {
            self.inside = !self.inside;
        }
        if self.escape != Some(byte) {
            self.after_escape = false;
        }
    }
}
