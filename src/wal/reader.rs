//! Walks a log's frames.

use super::header::FrameHeader;
use super::{Checksum, Error, FRAME_HEADER_LEN, Header, Salts, WAL_HEADER_LEN};
use std::fs::File;
use std::io::{self, ErrorKind};

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
        Ok(Self { source, header, position, frame, end: End::NotReached })
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
    /// only their headers are read, and of a page that was written often only the last version
    /// ever is ([`Self::page_at`]).
    ///
    /// # Errors
    /// If the file cannot be read.
    pub fn committed(&mut self, until: u64, bytes_max: u64) -> Result<Option<Batch>, Error> {
        let (start, mut at) = (self.position, self.position);
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

    /// The page of the frame at `offset`.
    ///
    /// # Errors
    /// If the file ends before the page does.
    pub fn page_at(&self, offset: u64, page: &mut Vec<u8>) -> Result<(), Error> {
        page.resize(self.header.page_size as usize, 0);
        if read_up_to(&self.source, page, offset + FRAME_HEADER_LEN)? < page.len() {
            return Err(io::Error::from(ErrorKind::UnexpectedEof).into());
        }
        Ok(())
    }

    /// The header of the frame at a position, if that is of the same run of the log.
    fn frame_header(&mut self, at: Position) -> Result<Option<FrameHeader>, Error> {
        let mut bytes = [0; FRAME_HEADER_LEN as usize];
        if read_up_to(&self.source, &mut bytes, at.offset)? < bytes.len() {
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
