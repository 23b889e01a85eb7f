//! Pages in, an LTX file out.

use super::checksum::Hasher;
use super::header::check_post_apply;
use super::index::Log;
use super::page::{Compressor, PAGE_HEADER_LEN};
use super::sequence::Sequence;
use super::{Error, Header, PageEncoding, Pgno, Trailer};
use std::io::Write;

/// Writes one LTX file. Every page is one write; a caller whose writes are dear buffers them.
pub struct Encoder<W> {
    sink: Sink<W>,
    header: Header,
    compressor: Compressor,
    sequence: Sequence,
    log: Log,
    post_apply: u64,
}

impl<W: Write> Encoder<W> {
    /// Writes the header.
    ///
    /// # Errors
    /// If the header breaks a rule or cannot be written.
    pub fn new(writer: W, header: Header, encoding: PageEncoding) -> Result<Self, Error> {
        header.check()?;
        let mut sink = Sink { writer, hasher: Hasher::new() };
        sink.write_hashed(&header.encode())?;
        let compressor = Compressor::new(encoding, header.page_size as usize);
        let sequence = Sequence::new(&header);
        Ok(Self { sink, header, compressor, sequence, log: Log::default(), post_apply: 0 })
    }

    /// Writes a page.
    ///
    /// # Errors
    /// If the page is out of order, of the wrong size, or cannot be written.
    pub fn page(&mut self, pgno: Pgno, page: &[u8]) -> Result<(), Error> {
        if page.len() != self.header.page_size as usize {
            return Err(Error::PageSize { pgno });
        }
        self.sequence.admit(pgno)?;
        let hashed_len = self.compressor.hashed_len();
        let stored = self.compressor.store(pgno, page)?;
        self.sink.hasher.update(stored.get(..hashed_len).unwrap_or(stored));
        self.sink.hasher.update(page);
        self.sink.writer.write_all(stored)?;
        self.log.push(pgno, stored.len() as u64);
        Ok(())
    }

    /// Gives the checksum of the database after this file, which a file without
    /// [`NO_CHECKSUM`](super::NO_CHECKSUM) must have.
    pub fn set_post_apply(&mut self, checksum: u64) {
        self.post_apply = checksum;
    }

    /// Writes the index and the trailer.
    ///
    /// # Errors
    /// If a snapshot lacks pages, a checksum is missing, or the writer fails.
    pub fn finish(mut self) -> Result<(W, Trailer), Error> {
        self.sequence.complete()?;
        check_post_apply(&self.header, self.post_apply)?;
        self.sink.write_hashed(&[0; PAGE_HEADER_LEN])?;
        let mut index_len = 0;
        for piece in self.log.pieces() {
            self.sink.write_hashed(&piece)?;
            index_len += piece.len() as u64;
        }
        self.sink.write_hashed(&index_len.to_be_bytes())?;
        self.sink.write_hashed(&self.post_apply.to_be_bytes())?;
        let file_checksum = self.sink.hasher.finish();
        self.sink.writer.write_all(&file_checksum.to_be_bytes())?;
        self.sink.writer.flush()?;
        Ok((self.sink.writer, Trailer { post_apply: self.post_apply, file_checksum }))
    }
}

/// A writer and the checksum of what went into it.
struct Sink<W> {
    writer: W,
    hasher: Hasher,
}

impl<W: Write> Sink<W> {
    fn write_hashed(&mut self, bytes: &[u8]) -> Result<(), Error> {
        self.hasher.update(bytes);
        self.writer.write_all(bytes)?;
        Ok(())
    }
}
