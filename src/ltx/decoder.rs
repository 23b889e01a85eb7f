//! An LTX file in, its pages out.

use super::checksum::Hasher;
use super::header::check_post_apply;
use super::index::Expected;
use super::page::{FLAG_BLOCK, PAGE_HEADER_LEN, SIZE_LEN, block_len_max, frame_len_max};
use super::sequence::Sequence;
use super::{Error, HEADER_LEN, Header, Name, Pgno, Rolling, TRAILER_LEN, Trailer, page_checksum};
use lz4_flex::block::decompress_into;
use lz4_flex::frame::FrameDecoder;
use std::io::{self, BufRead, BufReader, Read};

/// Reads one LTX file.
///
/// Pages come before the checksum that vouches for them: only [`finish`](Self::finish) says that
/// the pages read were the pages written.
pub struct Decoder<R> {
    source: Source<R>,
    header: Header,
    sequence: Sequence,
    expected: Expected,
    rolling: Option<Rolling>,
    ended: bool,
    block: Vec<u8>,
    /// What it is called where something is wrong with it.
    key: Option<String>,
}

impl<R: Read> Decoder<R> {
    /// Reads and checks the header.
    ///
    /// # Errors
    /// If it cannot be read or breaks a rule.
    pub fn new(reader: R) -> Result<Self, Error> {
        let reader = BufReader::with_capacity(BUFFER_LEN, reader);
        let mut source = Source { reader, hasher: Hasher::new(), offset: 0 };
        let header = Header::decode(&source.read_hashed::<HEADER_LEN>()?)?;
        Ok(Self {
            source,
            sequence: Sequence::new(&header),
            expected: Expected::new(),
            rolling: (header.is_snapshot() && header.has_checksums()).then(Rolling::default),
            ended: false,
            block: Vec::new(),
            key: None,
            header,
        })
    }

    /// The same of a file that has a key, and a name that is to be its header's: errors tell which
    /// file is damaged.
    ///
    /// # Errors
    /// If it cannot be read, breaks a rule, or has another name.
    pub fn of(reader: R, key: String, name: Name) -> Result<Self, Error> {
        let decoder = Self::new(reader).and_then(|decoder| {
            decoder.header.require(name)?;
            Ok(decoder)
        });
        Ok(Self { key: Some(key.clone()), ..decoder.map_err(|error| error.of(&key))? })
    }

    /// What the file says about itself.
    pub fn header(&self) -> &Header {
        &self.header
    }

    /// Reads the next page into `page`; `None` after the last.
    ///
    /// # Errors
    /// If the page cannot be read or breaks a rule.
    pub fn next_page(&mut self, page: &mut Vec<u8>) -> Result<Option<Pgno>, Error> {
        let read = self.read_page(page);
        read.map_err(|error| self.told(error))
    }

    fn read_page(&mut self, page: &mut Vec<u8>) -> Result<Option<Pgno>, Error> {
        if self.ended {
            return Ok(None);
        }
        let offset = self.source.offset;
        let [p0, p1, p2, p3, f0, f1] = self.source.read_hashed::<PAGE_HEADER_LEN>()?;
        let (pgno, flags) = (u32::from_be_bytes([p0, p1, p2, p3]), u16::from_be_bytes([f0, f1]));
        if (pgno, flags) == (0, 0) {
            self.ended = true;
            self.sequence.complete()?;
            return Ok(None);
        }
        self.sequence.admit(pgno)?;
        page.resize(self.header.page_size as usize, 0);
        match flags {
            FLAG_BLOCK => self.read_block(pgno, page)?,
            0 => self.source.read_frame(pgno, page)?,
            _ => return Err(Error::PageFlags { pgno, flags }),
        }
        self.source.hasher.update(page);
        self.expected.push(pgno, offset, self.source.offset - offset);
        if let Some(rolling) = &mut self.rolling {
            rolling.toggle(page_checksum(pgno, page));
        }
        Ok(Some(pgno))
    }

    /// Reads what is left, and checks the index and the checksums.
    ///
    /// # Errors
    /// If the file is not, to its last byte, what was written.
    pub fn finish(mut self) -> Result<Trailer, Error> {
        let mut page = Vec::new();
        while self.next_page(&mut page)?.is_some() {}
        let read = self.read_end();
        read.map_err(|error| self.told(error))
    }

    fn read_end(&mut self) -> Result<Trailer, Error> {
        self.read_index()?;
        let trailer = self.source.read_trailer()?;
        check_post_apply(&self.header, trailer.post_apply)?;
        match &self.rolling {
            Some(rolling) if rolling.value() != trailer.post_apply => {
                Err(Error::PostApply { value: trailer.post_apply })
            }
            _ => Ok(trailer),
        }
    }

    fn told(&self, error: Error) -> Error {
        match &self.key {
            Some(key) => error.of(key),
            None => error,
        }
    }

    fn read_block(&mut self, pgno: Pgno, page: &mut [u8]) -> Result<(), Error> {
        let length = u32::from_be_bytes(self.source.read_hashed::<SIZE_LEN>()?) as usize;
        if length > block_len_max(page.len()) {
            return Err(Error::PageData { pgno });
        }
        self.block.resize(length, 0);
        self.source.read(&mut self.block)?;
        match decompress_into(&self.block, page) {
            Ok(produced) if produced == page.len() => Ok(()),
            Ok(_) => Err(Error::PageSize { pgno }),
            Err(_) => Err(Error::PageData { pgno }),
        }
    }

    fn read_index(&mut self) -> Result<(), Error> {
        let (length, checksum) = self.expected.close();
        let mut found = Hasher::new();
        let mut left = length;
        let mut piece = [0; 4096];
        while left > 0 {
            let size = left.min(piece.len() as u64) as usize;
            let Some(piece) = piece.get_mut(..size) else { break };
            self.source.read(piece)?;
            self.source.hasher.update(piece);
            found.update(piece);
            left -= size as u64;
        }
        let stored_length = u64::from_be_bytes(self.source.read_hashed()?);
        if (found.finish(), stored_length) == (checksum, length) {
            Ok(())
        } else {
            Err(Error::Index)
        }
    }
}

/// A reader, how far it has come, and the file checksum up to there.
struct Source<R> {
    reader: BufReader<R>,
    hasher: Hasher,
    offset: u64,
}

impl<R: Read> Source<R> {
    fn read(&mut self, bytes: &mut [u8]) -> Result<(), Error> {
        self.reader.read_exact(bytes)?;
        self.offset += bytes.len() as u64;
        Ok(())
    }

    fn read_hashed<const N: usize>(&mut self) -> Result<[u8; N], Error> {
        let mut bytes = [0; N];
        self.read(&mut bytes)?;
        self.hasher.update(&bytes);
        Ok(bytes)
    }

    /// Reads one LZ4 frame that holds exactly one page.
    fn read_frame(&mut self, pgno: Pgno, page: &mut [u8]) -> Result<(), Error> {
        let limit = frame_len_max(page.len()) as u64;
        let mut frame = FrameDecoder::new((&mut self.reader).take(limit));
        frame.read_exact(page).map_err(|error| frame_error(pgno, error))?;
        let extra = frame.read(&mut [0]).map_err(|error| frame_error(pgno, error))?;
        self.offset += limit - frame.get_ref().limit();
        if extra == 0 { Ok(()) } else { Err(Error::PageSize { pgno }) }
    }

    fn read_trailer(&mut self) -> Result<Trailer, Error> {
        let mut bytes = [0; TRAILER_LEN];
        self.read(&mut bytes)?;
        let trailer = Trailer::decode(bytes)?;
        self.hasher.update(&trailer.post_apply.to_be_bytes());
        let computed = self.hasher.finish();
        if computed != trailer.file_checksum {
            return Err(Error::FileChecksum { stored: trailer.file_checksum, computed });
        }
        if self.reader.fill_buf()?.is_empty() { Ok(trailer) } else { Err(Error::Trailing) }
    }
}

const BUFFER_LEN: usize = 32 << 10;

/// Tells what is wrong with a frame from what is wrong with the reader below it.
fn frame_error(pgno: Pgno, error: io::Error) -> Error {
    let from_lz4 = error.get_ref().is_some_and(|inner| inner.is::<lz4_flex::frame::Error>());
    if from_lz4 { Error::PageData { pgno } } else { error.into() }
}
