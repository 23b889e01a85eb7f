//! The binary format: a header, tuples of counted fields, a trailer.
//! <https://www.postgresql.org/docs/15/sql-copy.html#id-1.9.3.55.9.4>

use super::bad_format;
use super::field::Fields;
use crate::session::error::Failure;

/// Signature, flags and an empty extension.
pub(super) const HEADER: &[u8; 19] = b"PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0";
/// The field count that ends the data.
pub(super) const TRAILER: &[u8; 2] = &(-1_i16).to_be_bytes();

const SIGNATURE: usize = 11;
/// The tuples have OIDs, as they had before version 12.
const WITH_OIDS: u32 = 1 << 16;
/// Flags that a reader must know.
const CRITICAL: u32 = 0xFFFF_0000;
/// A longer tuple is refused.
const TUPLE_MAX: usize = 0x3fff_ffff;

/// Reads tuples, wherever the messages were cut.
pub(super) struct Reader {
    columns: usize,
    buffer: Vec<u8>,
    at: usize,
    state: State,
    number: u64,
    /// The field being read.
    field: Option<usize>,
}

/// What is being read.
#[derive(Clone, Copy)]
pub(super) enum Place {
    Header,
    /// The tuple of this number.
    Tuple(u64),
    /// A tuple's field.
    Field(u64, usize),
}

enum State {
    Header,
    /// So many bytes of the header's extension are still to be skipped.
    Extension(usize),
    Tuples,
    Over,
}

impl Reader {
    /// Of tuples with so many fields.
    pub(super) fn new(columns: usize) -> Self {
        Self { columns, buffer: Vec::new(), at: 0, state: State::Header, number: 0, field: None }
    }

    /// The number of the tuple being read.
    pub(super) fn number(&self) -> u64 {
        self.number
    }

    /// What is being read.
    pub(super) fn place(&self) -> Place {
        match (&self.state, self.field) {
            (State::Header | State::Extension(_), _) => Place::Header,
            (_, Some(field)) => Place::Field(self.number + 1, field),
            (_, None) => Place::Tuple(self.number + 1),
        }
    }

    /// More bytes.
    pub(super) fn push(&mut self, bytes: &[u8]) -> Result<(), Failure> {
        self.buffer.drain(..self.at);
        self.at = 0;
        if self.buffer.len() + bytes.len() > TUPLE_MAX {
            return Err(Failure::new("54000", "row of COPY data is too long"));
        }
        self.buffer.extend_from_slice(bytes);
        Ok(())
    }

    /// The fields of the next tuple, and the bytes they lie in; none if it is not complete.
    pub(super) fn next(&mut self, fields: &mut Fields) -> Result<Option<&[u8]>, Failure> {
        loop {
            match self.state {
                State::Header => {
                    let Some(header) = self.buffer[self.at..].first_chunk() else {
                        return Ok(None);
                    };
                    self.state = State::Extension(check_header(header)?);
                    self.at += HEADER.len();
                }
                State::Extension(length) => {
                    let skipped = length.min(self.buffer.len() - self.at);
                    self.at += skipped;
                    if skipped < length {
                        self.state = State::Extension(length - skipped);
                        return Ok(None);
                    }
                    self.state = State::Tuples;
                }
                State::Tuples => match self.tuple(fields)? {
                    Some(end) => {
                        self.at = end;
                        return Ok(Some(&self.buffer));
                    }
                    None if matches!(self.state, State::Over) => {}
                    None => return Ok(None),
                },
                State::Over if self.at < self.buffer.len() => {
                    return Err(bad_format("received copy data after EOF marker"));
                }
                State::Over => return Ok(None),
            }
        }
    }

    /// There is no more: refuses what is incomplete.
    pub(super) fn finish(&self) -> Result<(), Failure> {
        match self.state {
            State::Header if self.buffer.len() < SIGNATURE => {
                Err(bad_format("COPY file signature not recognized"))
            }
            State::Header => Err(bad_format("invalid COPY file header (missing flags)")),
            State::Extension(_) => Err(bad_format("invalid COPY file header (wrong length)")),
            State::Tuples if self.at < self.buffer.len() => {
                Err(bad_format("unexpected EOF in COPY data"))
            }
            State::Tuples | State::Over => Ok(()),
        }
    }

    /// Where the tuple that begins here ends.
    fn tuple(&mut self, fields: &mut Fields) -> Result<Option<usize>, Failure> {
        fields.clear();
        self.field = None;
        let bytes = self.buffer.as_slice();
        let Some(count) = bytes[self.at..].first_chunk() else { return Ok(None) };
        let count = i16::from_be_bytes(*count);
        let mut at = self.at + 2;
        if count == -1 {
            self.at = at;
            self.state = State::Over;
            return Ok(None);
        }
        if usize::try_from(count) != Ok(self.columns) {
            let expected = self.columns;
            let message = format!("row field count is {count}, expected {expected}");
            return Err(bad_format(message));
        }
        for i in 0..self.columns {
            self.field = Some(i);
            let Some(length) = bytes[at..].first_chunk() else { return Ok(None) };
            at += 4;
            match i32::from_be_bytes(*length) {
                -1 => fields.push_null(),
                length => {
                    let length =
                        usize::try_from(length).map_err(|_| bad_format("invalid field size"))?;
                    if bytes.len() - at < length {
                        return Ok(None);
                    }
                    fields.push_raw(at..at + length);
                    at += length;
                }
            }
        }
        self.field = None;
        self.number += 1;
        Ok(Some(at))
    }
}

/// The length of the header's extension.
fn check_header(header: &[u8; HEADER.len()]) -> Result<usize, Failure> {
    let (signature, rest) = header.split_at(SIGNATURE);
    if signature != &HEADER[..SIGNATURE] {
        return Err(bad_format("COPY file signature not recognized"));
    }
    let word = |at: usize| rest[at..].first_chunk().map_or(0, |bytes| u32::from_be_bytes(*bytes));
    let flags = word(0);
    if flags & WITH_OIDS != 0 {
        return Err(bad_format("invalid COPY file header (WITH OIDS)"));
    }
    if flags & CRITICAL != 0 {
        return Err(bad_format("unrecognized critical flags in COPY file header"));
    }
    let length = usize::try_from(word(4).cast_signed());
    length.map_err(|_| bad_format("invalid COPY file header (missing length)"))
}
