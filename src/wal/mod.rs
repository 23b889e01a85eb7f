//! SQLite's write-ahead log, read the way SQLite recovers it.
//!
//! What enters: the bytes of a `-wal` file. What leaves: the pages of committed transactions, and
//! a [`Position`] to continue from. A frame counts only if its salts are those of the log and its
//! running checksum holds; the first frame that does not ends the log ([`End`] says why), since a
//! log that was started over keeps old frames behind its end. Where SQLite's index of the log is at
//! hand it has summed the frames already, and they are not summed again. Bytes from outside are
//! refused, never trusted.
//!
//! | part | size | fields, big-endian |
//! | --- | --- | --- |
//! | header | 32 | magic (its last bit: checksums of big-endian words), version, page size, sequence, salts (2), checksum of these (2) |
//! | frame | 24 + page | pgno, commit (0 inside a transaction), salts (2), running checksum of the first 8 bytes and the page (2) |
//!
//! <https://www.sqlite.org/fileformat2.html#the_write_ahead_log>

mod checksum;
mod header;
mod reader;
#[cfg(test)]
mod tests;

pub use checksum::{ByteOrder, Checksum};
pub use header::{FRAME_HEADER_LEN, Header, Salts, WAL_HEADER_LEN};
pub use reader::{Batch, End, Frame, Position, Source, WalReader};

use std::io;
use std::path::{Path, PathBuf};

/// Where a database's log is.
#[must_use]
pub fn path_of(database: &Path) -> PathBuf {
    let mut path = database.as_os_str().to_owned();
    path.push("-wal");
    path.into()
}

/// What can be wrong with a write-ahead log.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The file could not be read.
    #[error("read wal: {0}")]
    Io(#[from] io::Error),
    /// The file is shorter than a header: nothing was committed to it yet.
    #[error("wal is empty")]
    Empty,
    /// The first four bytes are not a log's.
    #[error("not a wal: magic is {0:#010x}")]
    Magic(u32),
    /// The format is one this program does not know.
    #[error("wal has format version {0}")]
    Version(u32),
    /// The page size is impossible.
    #[error("wal has page size {0}")]
    PageSize(u32),
    /// The header is being written, or was torn.
    #[error("wal header fails its checksum")]
    HeaderChecksum,
}

impl Error {
    /// The log's header is not there or not whole: a writer may be about to write it.
    #[must_use]
    pub fn is_unready(&self) -> bool {
        !matches!(self, Self::Io(_))
    }
}
