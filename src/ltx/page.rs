//! One page as it is stored: a header of six bytes, then LZ4 data.

use super::{Error, Pgno};
use lz4_flex::block::{CompressTable, compress_into_with_table, get_maximum_output_size};
use lz4_flex::frame::{BlockMode, BlockSize, FrameEncoder, FrameInfo};
use std::io::Write;

/// The length of a page's header.
pub(super) const PAGE_HEADER_LEN: usize = 6;
/// The length of the size that follows the header of a block.
pub(super) const SIZE_LEN: usize = 4;
/// The flag of a page stored as a block with its size before it.
pub(super) const FLAG_BLOCK: u16 = 1;

/// How the data of a page is stored.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum PageEncoding {
    /// An LZ4 block: read by Litestream from 0.5.16 on.
    #[default]
    Block,
    /// An LZ4 frame: read by every Litestream 0.5.
    Frame,
}

/// Compresses pages one after another, in buffers it keeps.
pub(super) enum Compressor {
    Block { table: CompressTable, stored: Vec<u8> },
    Frame(Box<FrameEncoder<Vec<u8>>>),
}

impl Compressor {
    pub(super) fn new(encoding: PageEncoding, page_size: usize) -> Self {
        match encoding {
            PageEncoding::Block => {
                let room = PAGE_HEADER_LEN + SIZE_LEN + get_maximum_output_size(page_size);
                Self::Block { table: CompressTable::default(), stored: vec![0; room] }
            }
            PageEncoding::Frame => {
                let info = FrameInfo::new()
                    .block_size(BlockSize::Max64KB)
                    .block_mode(BlockMode::Independent)
                    .content_checksum(true);
                Self::Frame(Box::new(FrameEncoder::with_frame_info(info, Vec::new())))
            }
        }
    }

    /// How many of a stored page's bytes the file checksum takes as they are stored.
    pub(super) fn hashed_len(&self) -> usize {
        match self {
            Self::Block { .. } => PAGE_HEADER_LEN + SIZE_LEN,
            Self::Frame(_) => PAGE_HEADER_LEN,
        }
    }

    /// The page as it is stored.
    pub(super) fn store(&mut self, pgno: Pgno, page: &[u8]) -> Result<&[u8], Error> {
        match self {
            Self::Block { table, stored } => store_block(table, stored, pgno, page),
            Self::Frame(encoder) => store_frame(encoder, pgno, page),
        }
    }
}

fn store_block<'a>(
    table: &mut CompressTable,
    stored: &'a mut [u8],
    pgno: Pgno,
    page: &[u8],
) -> Result<&'a [u8], Error> {
    let wrong_size = Error::PageSize { pgno };
    let Some((head, data)) = stored.split_first_chunk_mut::<{ PAGE_HEADER_LEN + SIZE_LEN }>()
    else {
        return Err(wrong_size);
    };
    let Ok(length) = compress_into_with_table(page, data, table) else { return Err(wrong_size) };
    let [p0, p1, p2, p3] = pgno.to_be_bytes();
    let [f0, f1] = FLAG_BLOCK.to_be_bytes();
    let [s0, s1, s2, s3] = (length as u32).to_be_bytes();
    *head = [p0, p1, p2, p3, f0, f1, s0, s1, s2, s3];
    stored.get(..PAGE_HEADER_LEN + SIZE_LEN + length).ok_or(wrong_size)
}

fn store_frame<'a>(
    encoder: &'a mut FrameEncoder<Vec<u8>>,
    pgno: Pgno,
    page: &[u8],
) -> Result<&'a [u8], Error> {
    let stored = encoder.get_mut();
    stored.clear();
    stored.extend(pgno.to_be_bytes());
    stored.extend(0_u16.to_be_bytes());
    encoder.write_all(page)?;
    encoder.try_finish().map_err(|error| Error::Io(error.into()))?;
    Ok(encoder.get_ref())
}

/// The longest block a page of this size can become, when nothing in it compresses.
pub(super) fn block_len_max(page_size: usize) -> usize {
    page_size + page_size / 255 + 16
}

/// The longest frame a page of this size is read from.
pub(super) fn frame_len_max(page_size: usize) -> usize {
    2 * page_size + 64
}
