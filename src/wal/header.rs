//! The log's first 32 bytes, and the 24 before each page.

use super::{ByteOrder, Checksum, Error};

/// The length of the log's header.
pub const WAL_HEADER_LEN: u64 = 32;
/// The length of a frame's header.
pub const FRAME_HEADER_LEN: u64 = 24;

const MAGIC: u32 = 0x377f_0682;
const VERSION: u32 = 3_007_000;

/// The two numbers that tell one run of the log from the next. A restart adds one to the first
/// and draws the second anew.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Salts(pub u32, pub u32);

/// The log's header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// How checksums read words.
    pub order: ByteOrder,
    /// The database's page size.
    pub page_size: u32,
    /// How often the log was started over.
    pub sequence: u32,
    /// The salts of every frame that counts.
    pub salts: Salts,
    /// Where the running checksum starts.
    pub checksum: Checksum,
}

impl Header {
    /// Reads a header and checks it.
    ///
    /// # Errors
    /// If the magic, the version, the page size or the checksum is wrong.
    pub fn decode(bytes: &[u8; 32]) -> Result<Self, Error> {
        let [magic, version, page_size, sequence, salt1, salt2, sum1, sum2] = words(bytes);
        let order = match magic ^ MAGIC {
            0 => ByteOrder::Little,
            1 => ByteOrder::Big,
            _ => return Err(Error::Magic(magic)),
        };
        if version != VERSION {
            return Err(Error::Version(version));
        }
        if !page_size.is_power_of_two() || !(512..=65536).contains(&page_size) {
            return Err(Error::PageSize(page_size));
        }
        let (summed, _) = bytes.split_at(24);
        let checksum = Checksum::default().update(summed, order);
        if checksum != Checksum(sum1, sum2) {
            return Err(Error::HeaderChecksum);
        }
        Ok(Self { order, page_size, sequence, salts: Salts(salt1, salt2), checksum })
    }

    /// The length of a frame.
    #[must_use]
    pub fn frame_len(&self) -> u64 {
        FRAME_HEADER_LEN + u64::from(self.page_size)
    }
}

/// A frame's header, as stored.
#[derive(Clone, Copy, Debug)]
pub(super) struct FrameHeader {
    pub(super) pgno: u32,
    pub(super) commit: u32,
    pub(super) salts: Salts,
    pub(super) checksum: Checksum,
}

impl FrameHeader {
    pub(super) fn decode(bytes: &[u8; 24]) -> Self {
        let [pgno, commit, salt1, salt2, sum1, sum2] = words(bytes);
        Self { pgno, commit, salts: Salts(salt1, salt2), checksum: Checksum(sum1, sum2) }
    }
}

/// Big-endian words; those beyond the bytes are 0.
fn words<const N: usize>(bytes: &[u8]) -> [u32; N] {
    let mut words = [0; N];
    let (chunks, _) = bytes.as_chunks::<4>();
    words.iter_mut().zip(chunks).for_each(|(word, chunk)| *word = u32::from_be_bytes(*chunk));
    words
}
