use super::{Name, Pgno, Txid};
use std::io;

/// What can be wrong with an LTX file, or with what is put into one.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The reader or the writer failed.
    #[error("read or write ltx: {0}")]
    Io(#[source] io::Error),
    /// Something is wrong with the file that has this key.
    #[error("{key}: {fault}")]
    File {
        /// The key.
        key: String,
        /// What is wrong.
        fault: Box<Self>,
    },
    /// The header tells of other transactions than the file's name.
    #[error("ltx file is {found} by its header, and has another name")]
    Misnamed {
        /// The name it should have.
        found: Name,
    },
    /// The bytes end before the file does.
    #[error("ltx file is truncated")]
    Truncated,
    /// Bytes follow the trailer.
    #[error("ltx file goes on after its trailer")]
    Trailing,
    /// The first four bytes are not `LTX1`.
    #[error("not an ltx file")]
    Magic,
    /// A field of the header breaks a rule.
    #[error("ltx header: {field} is {value}")]
    Header {
        /// The field.
        field: &'static str,
        /// What it holds.
        value: u64,
    },
    /// A page's number is not above the one before it.
    #[error("ltx page {pgno} follows page {after}")]
    PageOrder {
        /// The page.
        pgno: Pgno,
        /// The page before it.
        after: Pgno,
    },
    /// A page lies beyond the end of the database.
    #[error("ltx page {pgno} lies beyond the {commit} pages of the database")]
    PageBeyondCommit {
        /// The page.
        pgno: Pgno,
        /// The size of the database in pages.
        commit: u32,
    },
    /// The page with SQLite's lock bytes was stored.
    #[error("ltx page {pgno} is the lock page")]
    LockPage {
        /// The page.
        pgno: Pgno,
    },
    /// A snapshot, or a chain of files that makes one, lacks a page.
    #[error("ltx page {pgno} of a snapshot is missing")]
    PageMissing {
        /// The page.
        pgno: Pgno,
    },
    /// A page's header has flags this format does not know.
    #[error("ltx page {pgno} has unknown flags {flags:#06x}")]
    PageFlags {
        /// The page.
        pgno: Pgno,
        /// The flags.
        flags: u16,
    },
    /// A page is not as long as the header says pages are.
    #[error("ltx page {pgno} is not of the page size")]
    PageSize {
        /// The page.
        pgno: Pgno,
    },
    /// A page's data is not valid LZ4.
    #[error("ltx page {pgno} does not decompress")]
    PageData {
        /// The page.
        pgno: Pgno,
    },
    /// The index does not list the pages of the file.
    #[error("ltx index does not match the pages")]
    Index,
    /// The file's bytes do not give its checksum.
    #[error("ltx file checksum is {stored:016x}, computed {computed:016x}")]
    FileChecksum {
        /// In the trailer.
        stored: u64,
        /// Of the bytes.
        computed: u64,
    },
    /// The checksum of the database after the file breaks a rule or is wrong.
    #[error("ltx post-apply checksum is {value:016x}")]
    PostApply {
        /// In the trailer.
        value: u64,
    },
    /// Nothing to merge.
    #[error("no ltx files to merge")]
    NoInputs,
    /// Files of different page sizes cannot be merged.
    #[error("ltx files have page sizes {expected} and {found}")]
    MixedPageSizes {
        /// Of the first file.
        expected: u32,
        /// Of a later one.
        found: u32,
    },
    /// Two neighbours in a merge do not meet.
    #[error("ltx files do not meet: {after} is followed by {min}-{max}")]
    NotContiguous {
        /// The last TXID of the earlier file.
        after: Txid,
        /// The first TXID of the later file.
        min: Txid,
        /// The last TXID of the later file.
        max: Txid,
    },
    /// The text is not 16 lower-case hexadecimal digits.
    #[error("not a txid: {0:?}")]
    Txid(String),
    /// The text is not the name of an LTX file.
    #[error("not an ltx file name: {0:?}")]
    Name(String),
}

impl Error {
    /// Tells of a damaged file which it is. A reader that failed has told so itself.
    #[must_use]
    pub fn of(self, key: &str) -> Self {
        match self {
            error if error.is_corruption() => {
                Self::File { key: key.to_owned(), fault: Box::new(error) }
            }
            error => error,
        }
    }

    /// The bytes are wrong, rather than the reading or writing of them.
    #[must_use]
    pub fn is_corruption(&self) -> bool {
        !matches!(
            self,
            Self::Io(_)
                | Self::NoInputs
                | Self::NotContiguous { .. }
                | Self::Txid(_)
                | Self::Name(_)
        )
    }
}

impl From<io::Error> for Error {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::UnexpectedEof => Self::Truncated,
            _ => Self::Io(error),
        }
    }
}
