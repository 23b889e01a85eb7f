//! Many LTX files as one: of each page, the last version; and from those, a database.

use super::sequence::Sequence;
use super::{Decoder, Encoder, Error, Header, NO_CHECKSUM, PageEncoding, Pgno, Trailer, lock_page};
use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::io::{Read, Write};

/// Reads files that follow one another as if they were one file.
///
/// It holds one page and one read buffer per file.
pub struct Merge<R> {
    inputs: Vec<Input<R>>,
    /// The page each input stands at.
    heads: BinaryHeap<Reverse<(Pgno, usize)>>,
    header: Header,
}

struct Input<R> {
    /// `None` once it was read to its end and found whole.
    decoder: Option<Decoder<R>>,
    page: Vec<u8>,
}

impl<R: Read> Merge<R> {
    /// Lines up files in the order of their transactions.
    ///
    /// # Errors
    /// If they differ in page size, or leave a gap, or one cannot be read.
    pub fn new(decoders: Vec<Decoder<R>>) -> Result<Self, Error> {
        let header = merged_header(decoders.iter().map(Decoder::header))?;
        let inputs: Vec<_> = decoders
            .into_iter()
            .map(|decoder| Input { decoder: Some(decoder), page: Vec::new() })
            .collect();
        let mut merge = Self { heads: BinaryHeap::with_capacity(inputs.len()), inputs, header };
        for index in 0..merge.inputs.len() {
            merge.advance(index)?;
        }
        Ok(merge)
    }

    /// The header of the file that these files make.
    pub fn header(&self) -> &Header {
        &self.header
    }

    /// Reads the next page into `page`; `None` after the last, when every file was found whole.
    ///
    /// # Errors
    /// If a file cannot be read or is damaged.
    pub fn next_page(&mut self, page: &mut Vec<u8>) -> Result<Option<Pgno>, Error> {
        let Some(&Reverse((pgno, _))) = self.heads.peek() else { return Ok(None) };
        while let Some(&Reverse((head, index))) = self.heads.peek() {
            if head != pgno {
                break;
            }
            self.heads.pop();
            if let Some(input) = self.inputs.get_mut(index) {
                std::mem::swap(page, &mut input.page);
            }
            self.advance(index)?;
        }
        Ok(Some(pgno))
    }

    /// Every page, in order; at the end every file was found whole.
    ///
    /// # Errors
    /// If a file cannot be read or is damaged, and those of `each`.
    pub fn pages(
        mut self,
        mut each: impl FnMut(Pgno, &[u8]) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let mut page = Vec::new();
        while let Some(pgno) = self.next_page(&mut page)? {
            each(pgno, &page)?;
        }
        Ok(())
    }

    /// Writes what these files make as one file.
    ///
    /// # Errors
    /// If a file is damaged, a page of a snapshot is missing, or the writer fails.
    pub fn encode<W: Write>(
        self,
        writer: W,
        encoding: PageEncoding,
    ) -> Result<(W, Trailer), Error> {
        let mut encoder = Encoder::new(writer, self.header.clone(), encoding)?;
        self.pages(|pgno, page| encoder.page(pgno, page))?;
        encoder.finish()
    }

    /// Moves an input on to its next page that the merged database still has.
    fn advance(&mut self, index: usize) -> Result<(), Error> {
        let Some(input) = self.inputs.get_mut(index) else { return Ok(()) };
        let Some(decoder) = &mut input.decoder else { return Ok(()) };
        while let Some(pgno) = decoder.next_page(&mut input.page)? {
            if pgno <= self.header.commit {
                self.heads.push(Reverse((pgno, index)));
                return Ok(());
            }
        }
        if let Some(decoder) = input.decoder.take() {
            decoder.finish()?;
        }
        Ok(())
    }
}

/// Writes the database that the files make, from its first byte to its last, and returns the
/// header of the merged file. `progress` is told of each page written.
///
/// # Errors
/// If the files do not hold the whole database, one is damaged, or the writer fails.
pub fn write_database<R: Read, W: Write>(
    merge: Merge<R>,
    writer: &mut W,
    mut progress: impl FnMut(Pgno),
) -> Result<Header, Error> {
    let header = merge.header().clone();
    if !header.is_snapshot() {
        return Err(Error::PageMissing { pgno: 1 });
    }
    let lock_page = lock_page(header.page_size);
    let empty = vec![0; header.page_size as usize];
    let mut sequence = Sequence::new(&header);
    merge.pages(|pgno, page| {
        sequence.admit(pgno)?;
        if pgno.checked_sub(1) == Some(lock_page) {
            writer.write_all(&empty)?;
        }
        writer.write_all(page)?;
        progress(pgno);
        Ok(())
    })?;
    sequence.complete()?;
    if header.commit == lock_page {
        writer.write_all(&empty)?;
    }
    Ok(header)
}

fn merged_header<'a>(mut headers: impl Iterator<Item = &'a Header>) -> Result<Header, Error> {
    let first = headers.next().ok_or(Error::NoInputs)?;
    let mut last = first;
    for next in headers {
        follows(last, next)?;
        last = next;
    }
    Ok(Header {
        flags: NO_CHECKSUM,
        page_size: last.page_size,
        commit: last.commit,
        min_txid: first.min_txid,
        max_txid: last.max_txid,
        timestamp_ms: last.timestamp_ms,
        ..Header::default()
    })
}

fn follows(last: &Header, next: &Header) -> Result<(), Error> {
    if next.page_size != last.page_size {
        return Err(Error::MixedPageSizes { expected: last.page_size, found: next.page_size });
    }
    if next.min_txid > last.max_txid.next() || next.max_txid <= last.max_txid {
        let (after, min, max) = (last.max_txid, next.min_txid, next.max_txid);
        return Err(Error::NotContiguous { after, min, max });
    }
    Ok(())
}
