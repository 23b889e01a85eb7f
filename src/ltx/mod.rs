//! LTX files, format version 3, as Litestream 0.5 writes and reads them: a range of transactions
//! as the pages they changed.
//!
//! What enters: pages in ascending order. What leaves: bytes; and back again; and many files as
//! one ([`Merge`]). Only [`Read`](std::io::Read) and [`Write`](std::io::Write), no I/O of its own.
//! Bytes from outside are refused, never trusted: no length field decides how much is allocated,
//! and whatever is read to its end has been checked against its checksum, its index and the rules
//! below.
//!
//! | part | size | in the file checksum as |
//! | --- | --- | --- |
//! | header | 100 | stored |
//! | page, ascending | 6, perhaps 4, LZ4 data | 6 and 4 as stored, then the page uncompressed |
//! | end of pages | 6 zero bytes | stored |
//! | index: varints pgno, offset, length; then a zero byte | varies | stored |
//! | length of the index | 8 | stored |
//! | post-apply checksum, file checksum | 8 + 8 | the first 8 |
//!
//! * A file whose first TXID is 1 is a *snapshot*: it holds every page from 1 to `commit`. Any
//!   other is a *delta*: any pages up to `commit`.
//! * The page that holds SQLite's lock bytes ([`lock_page`]) is never stored.
//! * A file with [`NO_CHECKSUM`] has no checksums of the database, only its own.
//!
//! <https://github.com/superfly/ltx>

mod checksum;
mod decoder;
mod encoder;
mod error;
mod header;
mod index;
mod merge;
mod name;
mod page;
mod sequence;
#[cfg(test)]
mod tests;

pub use checksum::{CHECKSUM_FLAG, Rolling, page_checksum};
pub use decoder::Decoder;
pub use encoder::Encoder;
pub use error::Error;
pub use header::{HEADER_LEN, Header, NO_CHECKSUM, TRAILER_LEN, Trailer};
pub use merge::{Merge, write_database};
pub use name::{Name, Txid};
pub use page::PageEncoding;

/// The number of a page of a database, from 1.
pub type Pgno = u32;

/// The page that holds the bytes SQLite locks; it has no content.
/// <https://www.sqlite.org/fileformat2.html#the_lock_byte_page>
#[must_use]
pub const fn lock_page(page_size: u32) -> Pgno {
    const PENDING_BYTE: u32 = 0x4000_0000;
    match PENDING_BYTE.checked_div(page_size) {
        Some(pages) => pages + 1,
        None => 0,
    }
}
