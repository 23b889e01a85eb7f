//! CRC-64/GO-ISO, in the three uses LTX makes of it: a file, a page, a whole database.

use super::Pgno;
use crc_fast::{CrcAlgorithm, Digest};

/// Set in every stored checksum, so that a real one is never zero.
pub const CHECKSUM_FLAG: u64 = 1 << 63;

/// The checksum of one page under its number.
#[must_use]
pub fn page_checksum(pgno: Pgno, page: &[u8]) -> u64 {
    let mut hasher = Hasher::new();
    hasher.update(&pgno.to_be_bytes());
    hasher.update(page);
    hasher.finish()
}

/// The checksum of a database, kept up as pages change.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Rolling(u64);

impl Rolling {
    /// Takes a page in; or out, if it is in.
    pub fn toggle(&mut self, page_checksum: u64) {
        self.0 = CHECKSUM_FLAG | (self.0 ^ page_checksum);
    }

    /// The checksum as it is stored.
    #[must_use]
    pub fn value(self) -> u64 {
        CHECKSUM_FLAG | self.0
    }
}

/// A checksum in the making.
pub(super) struct Hasher(Digest);

impl Hasher {
    pub(super) fn new() -> Self {
        Self(Digest::new(CrcAlgorithm::Crc64GoIso))
    }

    pub(super) fn update(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    pub(super) fn finish(&self) -> u64 {
        CHECKSUM_FLAG | self.0.finalize()
    }
}
