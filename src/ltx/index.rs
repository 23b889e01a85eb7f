//! The index at the end of a file: where each page lies.
//!
//! Neither side holds it in memory as it is stored. A writer keeps two small numbers per page,
//! from which the rest follows; a reader keeps the checksum of what it ought to find.

use super::checksum::Hasher;
use super::{HEADER_LEN, Pgno};

/// The pages written so far.
#[derive(Default)]
pub(super) struct Log {
    /// Per page, the step from the page before and the length of the frame, as varints.
    steps: Vec<u8>,
    last: Pgno,
}

impl Log {
    pub(super) fn push(&mut self, pgno: Pgno, length: u64) {
        push_varint(&mut self.steps, u64::from(pgno.saturating_sub(self.last)));
        push_varint(&mut self.steps, length);
        self.last = pgno;
    }

    /// The entries as they are stored, in pieces of a few kilobytes, the closing zero included.
    pub(super) fn pieces(&self) -> Pieces<'_> {
        Pieces { steps: self.steps.iter(), pgno: 0, offset: HEADER_LEN as u64, ended: false }
    }
}

/// See [`Log::pieces`].
pub(super) struct Pieces<'a> {
    steps: std::slice::Iter<'a, u8>,
    pgno: u64,
    offset: u64,
    ended: bool,
}

impl Pieces<'_> {
    const LEN: usize = 16 << 10;

    fn entry(&mut self) -> Option<(u64, u64, u64)> {
        self.pgno += next_varint(&mut self.steps)?;
        let length = next_varint(&mut self.steps)?;
        let offset = self.offset;
        self.offset += length;
        Some((self.pgno, offset, length))
    }
}

impl Iterator for Pieces<'_> {
    type Item = Vec<u8>;

    fn next(&mut self) -> Option<Vec<u8>> {
        let mut piece = Vec::new();
        while !self.ended && piece.len() < Self::LEN {
            match self.entry() {
                Some(entry) => push_entry(&mut piece, entry),
                None => {
                    piece.push(0);
                    self.ended = true;
                }
            }
        }
        (!piece.is_empty()).then_some(piece)
    }
}

/// What the index of a file read so far ought to be.
pub(super) struct Expected {
    hasher: Hasher,
    length: u64,
    entry: Vec<u8>,
}

impl Expected {
    pub(super) fn new() -> Self {
        Self { hasher: Hasher::new(), length: 0, entry: Vec::new() }
    }

    pub(super) fn push(&mut self, pgno: Pgno, offset: u64, length: u64) {
        self.entry.clear();
        push_entry(&mut self.entry, (pgno.into(), offset, length));
        self.hasher.update(&self.entry);
        self.length += self.entry.len() as u64;
    }

    /// Its length and checksum, the closing zero included.
    pub(super) fn close(&mut self) -> (u64, u64) {
        self.hasher.update(&[0]);
        (self.length + 1, self.hasher.finish())
    }
}

fn push_entry(out: &mut Vec<u8>, (pgno, offset, length): (u64, u64, u64)) {
    push_varint(out, pgno);
    push_varint(out, offset);
    push_varint(out, length);
}

fn push_varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push((value as u8) | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

fn next_varint(bytes: &mut std::slice::Iter<'_, u8>) -> Option<u64> {
    let mut value = 0;
    for shift in (0..64).step_by(7) {
        let byte = *bytes.next()?;
        value |= u64::from(byte & 0x7f) << shift;
        if byte < 0x80 {
            return Some(value);
        }
    }
    None
}
