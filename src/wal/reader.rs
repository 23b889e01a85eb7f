//! Walks a log's frames.

use super::header::FrameHeader;
use super::{Checksum, Error, FRAME_HEADER_LEN, Header, Salts, WAL_HEADER_LEN};
use std::fs::File;
use std::io::{self, ErrorKind};

/// How much of the log is held in memory at most.
const AHEAD_MAX: u64 = 16 << 20;

/// Bytes by their offset: a file, or what is in memory.
pub trait Source {
    /// Reads some of the bytes at `offset`; none at the end.
    ///
    /// # Errors
    /// If they cannot be read.
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize>;
}

impl Source for File {
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        std::os::unix::fs::FileExt::read_at(self, buffer, offset)
    }
}

impl Source for &[u8] {
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        let rest = usize::try_from(offset).ok().and_then(|at| self.get(at..)).unwrap_or_default();
        let len = rest.len().min(buffer.len());
        let (filled, _) = buffer.split_at_mut(len);
        filled.copy_from_slice(rest.split_at(len).0);
        Ok(len)
    }
}

/// A place between two frames, with what is needed to check the next one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Position {
    /// The salts of the frames before it.
    pub salts: Salts,
    /// Its offset in the file.
    pub offset: u64,
    /// The running checksum there.
    pub checksum: Checksum,
}

/// A frame whose salts and checksum hold.
#[derive(Debug)]
pub struct Frame<'a> {
    /// The page.
    pub pgno: u32,
    /// The database's size in pages if the frame ends a transaction, otherwise 0.
    pub commit: u32,
    /// The frame's offset in the file.
    pub offset: u64,
    /// The page's content.
    pub page: &'a [u8],
}

/// Why the log ends where it does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum End {
    /// The end was not reached.
    #[default]
    NotReached,
    /// The file ends between two frames.
    Eof,
    /// The file ends inside a frame.
    Torn,
    /// The next frame is of an earlier run of the log, or of a later one.
    Salts,
    /// The next frame fails the running checksum, or has no page number.
    Checksum,
}

/// The committed pages of a stretch of the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Batch {
    /// The last version of each page, ascending: its number and the offset of its frame. Pages
    /// beyond `commit` are left out.
    pub pages: Vec<(u32, u64)>,
    /// The database's size in pages after the last transaction.
    pub commit: u32,
    /// Where the stretch begins.
    pub start: u64,
    /// Where it ends: behind a commit.
    pub end: Position,
    /// Transactions in it.
    pub transactions: u64,
}

/// Reads a log's frames from its beginning, or from a [`Position`].
pub struct WalReader<S> {
    source: S,
    header: Header,
    position: Position,
    frame: Vec<u8>,
    end: End,
    ahead: Ahead,
}

/// A stretch of the log in memory: its frames are read many at a time, and once.
#[derive(Debug, Default)]
struct Ahead {
    start: u64,
    bytes: Vec<u8>,
}

impl Ahead {
    fn get(&self, offset: u64, len: usize) -> Option<&[u8]> {
        let at = usize::try_from(offset.checked_sub(self.start)?).ok()?;
        self.bytes.get(at..at.checked_add(len)?)
    }
}

impl<S: Source> WalReader<S> {
    /// Reads the header; the first frame is next.
    ///
    /// # Errors
    /// If there is no whole and valid header.
    pub fn new(source: S) -> Result<Self, Error> {
        let mut bytes = [0; WAL_HEADER_LEN as usize];
        if read_up_to(&source, &mut bytes, 0)? < bytes.len() {
            return Err(Error::Empty);
        }
        let header = Header::decode(&bytes)?;
        let frame = vec![0; usize::try_from(header.frame_len()).unwrap_or_default()];
        let position = first_position(&header);
        let ahead = Ahead::default();
        Ok(Self { source, header, position, frame, end: End::NotReached, ahead })
    }

    /// Takes memory that an earlier reader had for the log, see [`Self::into_buffer`].
    #[must_use]
    pub fn reusing(self, buffer: Vec<u8>) -> Self {
        // What it holds is no part of this log.
        Self { ahead: Ahead { start: u64::MAX, bytes: buffer }, ..self }
    }

    /// The memory it had for the log: as much as it found at once, up to 16 MiB.
    #[must_use]
    pub fn into_buffer(self) -> Vec<u8> {
        self.ahead.bytes
    }

    /// The log's header.
    #[must_use]
    pub fn header(&self) -> &Header {
        &self.header
    }

    /// Behind the last frame read.
    #[must_use]
    pub fn position(&self) -> Position {
        self.position
    }

    /// Where the log's first frame is.
    #[must_use]
    pub fn start(&self) -> Position {
        first_position(&self.header)
    }

    /// Why the last call returned no frame.
    #[must_use]
    pub fn end(&self) -> End {
        self.end
    }

    /// Continues at a position. Its salts need not be the header's: what is left of an earlier run
    /// can be read too.
    pub fn resume(&mut self, at: Position) {
        self.position = at;
        self.end = End::NotReached;
    }

    /// The next frame, or none at the end of the log.
    ///
    /// # Errors
    /// If the file cannot be read.
    pub fn next_frame(&mut self) -> Result<Option<Frame<'_>>, Error> {
        let Some(header) = self.read_frame()? else { return Ok(None) };
        if header.salts != self.position.salts {
            return Ok(self.stop(End::Salts));
        }
        let (head, page) = self.frame.split_at(FRAME_HEADER_LEN as usize);
        let (summed, _) = head.split_at(8);
        let order = self.header.order;
        let checksum = self.position.checksum.update(summed, order).update(page, order);
        if checksum != header.checksum || header.pgno == 0 {
            return Ok(self.stop(End::Checksum));
        }
        let offset = self.position.offset;
        self.position.offset += self.frame.len() as u64;
        self.position.checksum = checksum;
        let page = self.frame.get(FRAME_HEADER_LEN as usize..).unwrap_or_default();
        Ok(Some(Frame { pgno: header.pgno, commit: header.commit, offset, page }))
    }

    /// The frame that ends at `end`, whatever its checksum, with the position behind it: what an
    /// earlier reader had come to. None if there is no frame of those salts.
    ///
    /// # Errors
    /// If the file cannot be read.
    pub fn frame_before(
        &mut self,
        end: u64,
        salts: Salts,
    ) -> Result<Option<(u32, Vec<u8>, Position)>, Error> {
        let frame_len = self.frame.len() as u64;
        let Some(offset) = end.checked_sub(frame_len).filter(|o| *o >= WAL_HEADER_LEN) else {
            return Ok(None);
        };
        self.resume(Position { salts, offset, checksum: Checksum::default() });
        let Some(header) = self.read_frame()?.filter(|h| h.salts == salts && h.pgno != 0) else {
            return Ok(None);
        };
        let page = self.frame.get(FRAME_HEADER_LEN as usize..).unwrap_or_default().to_vec();
        Ok(Some((header.pgno, page, Position { salts, offset: end, checksum: header.checksum })))
    }

    /// The pages of the transactions that were committed behind the current position and before
    /// the offset `until`, from about `bytes_max` of the log but at least one transaction; none if
    /// there is none. The position moves behind the last of them.
    ///
    /// `until` is where the log ends by SQLite's own index, which vouches for the frames before it:
    /// only their headers are looked at, and of a page that was written often only the last version
    /// ever is ([`Self::page_at`]).
    ///
    /// # Errors
    /// If the file cannot be read.
    pub fn committed(&mut self, until: u64, bytes_max: u64) -> Result<Option<Batch>, Error> {
        let (start, mut at) = (self.position, self.position);
        self.read_ahead(until.saturating_sub(start.offset).min(bytes_max))?;
        let mut pages = Vec::new();
        let (mut commit, mut transactions) = (0, 0);
        while at.offset < until
            && self.position.offset - start.offset < bytes_max
            && let Some(header) = self.frame_header(at)?
        {
            pages.push((header.pgno, at.offset));
            at = Position {
                offset: at.offset + self.header.frame_len(),
                checksum: header.checksum,
                ..at
            };
            if header.commit > 0 {
                (self.position, commit) = (at, header.commit);
                transactions += 1;
            }
        }
        if transactions == 0 {
            return Ok(None);
        }
        let end = self.position;
        pages.retain(|&(pgno, offset)| offset < end.offset && pgno <= commit);
        Ok(Some(Batch {
            pages: last_versions(pages),
            commit,
            start: start.offset,
            end,
            transactions,
        }))
    }

    /// The page of the frame at `offset`: as it is in memory, or read to `spare`.
    ///
    /// # Errors
    /// If the file ends before the page does.
    pub fn page_at<'a>(&'a self, offset: u64, spare: &'a mut Vec<u8>) -> Result<&'a [u8], Error> {
        let (offset, len) = (offset + FRAME_HEADER_LEN, self.header.page_size as usize);
        if let Some(page) = self.ahead.get(offset, len) {
            return Ok(page);
        }
        spare.resize(len, 0);
        if read_up_to(&self.source, spare, offset)? < len {
            return Err(io::Error::from(ErrorKind::UnexpectedEof).into());
        }
        Ok(spare)
    }

    /// Reads so many bytes of what comes next to memory, if that is not too much.
    fn read_ahead(&mut self, len: u64) -> Result<(), Error> {
        let Ahead { start, bytes } = &mut self.ahead;
        *start = self.position.offset;
        bytes.resize(usize::try_from(len.min(AHEAD_MAX)).unwrap_or_default(), 0);
        let filled = read_up_to(&self.source, bytes, *start)?;
        bytes.truncate(filled);
        Ok(())
    }

    /// The header of the frame at a position, if that is of the same run of the log.
    fn frame_header(&mut self, at: Position) -> Result<Option<FrameHeader>, Error> {
        let mut bytes = [0; FRAME_HEADER_LEN as usize];
        if let Some(found) = self.ahead.get(at.offset, bytes.len()) {
            bytes.copy_from_slice(found);
        } else if read_up_to(&self.source, &mut bytes, at.offset)? < bytes.len() {
            return Ok(self.stop(End::Torn));
        }
        let header = FrameHeader::decode(&bytes);
        if header.salts != at.salts || header.pgno == 0 {
            return Ok(self.stop(End::Salts));
        }
        Ok(Some(header))
    }

    fn read_frame(&mut self) -> Result<Option<FrameHeader>, Error> {
        let len = read_up_to(&self.source, &mut self.frame, self.position.offset)?;
        if len < self.frame.len() {
            return Ok(self.stop(if len == 0 { End::Eof } else { End::Torn }));
        }
        Ok(self.frame.first_chunk().map(FrameHeader::decode))
    }

    fn stop<T>(&mut self, end: End) -> Option<T> {
        self.end = end;
        None
    }
}

fn first_position(header: &Header) -> Position {
    Position { salts: header.salts, offset: WAL_HEADER_LEN, checksum: header.checksum }
}

/// Sorts by page and keeps the last frame of each.
fn last_versions(mut pages: Vec<(u32, u64)>) -> Vec<(u32, u64)> {
    pages.sort_unstable_by_key(|&(pgno, offset)| (pgno, std::cmp::Reverse(offset)));
    pages.dedup_by_key(|&mut (pgno, _)| pgno);
    pages
}

/// Fills `buffer` from `offset` as far as the file goes.
fn read_up_to(source: &impl Source, buffer: &mut [u8], offset: u64) -> Result<usize, Error> {
    let mut filled = 0;
    while let Some(rest) = buffer.get_mut(filled..).filter(|rest| !rest.is_empty()) {
        match source.read_at(rest, offset + filled as u64) {
            Ok(0) => break,
            Ok(n) => filled += n,
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(filled)
}
