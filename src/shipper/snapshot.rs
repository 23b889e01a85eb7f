//! The whole database, straight from where it is to the store.
//!
//! What enters: a read transaction of which it is known after which transaction it was begun
//! ([`Pinned`]), or a local file that holds the whole database. What leaves: a snapshot in the store.
//! Pages go out while they are read: nothing is written to the disk, memory does not grow with the
//! database but for a few bytes for each page, and writers go on meanwhile.

use super::Error;
use super::log::Log;
use super::merge::{Counting, blocking, store_stream};
use crate::ltx::{Decoder, Encoder, Header, Name, PageEncoding, Trailer, Txid, lock_page};
use crate::sqlite::Pin;
use crate::store::{Put, PutMode, Replica, SNAPSHOT_LEVEL};
use std::fs::File;

/// A database as it is after one transaction, held while it is read.
pub(super) struct Pinned {
    pin: Pin,
    header: Header,
}

impl Pinned {
    /// What a read transaction sees is what the file of this number led to.
    pub(super) fn new(pin: Pin, header: Header) -> Self {
        Self { pin, header: Header { min_txid: Txid(1), ..header } }
    }

    pub(super) fn name(&self) -> Name {
        self.header.name()
    }

    fn encode(
        &self,
        writer: Counting,
        encoding: PageEncoding,
    ) -> Result<(Counting, Trailer), Error> {
        let mut encoder = Encoder::new(writer, self.header.clone(), encoding)?;
        let lock_page = lock_page(self.header.page_size);
        self.pin.pages(|pgno, page| -> Result<(), Error> {
            if pgno == lock_page { Ok(()) } else { Ok(encoder.page(pgno, page)?) }
        })?;
        Ok(encoder.finish()?)
    }
}

/// Stores a pinned database; its name and length there.
pub(super) async fn store(
    pinned: Pinned,
    replica: &Replica,
    encoding: PageEncoding,
    mode: PutMode,
) -> Result<(Name, u64), Error> {
    let header = pinned.header.clone();
    let len_about = u64::from(header.commit) * u64::from(header.page_size);
    let put = Put { mode, timestamp_ms: Some(header.timestamp_ms) };
    let encode = move |writer| pinned.encode(writer, encoding);
    let name = header.name();
    let size = store_stream(replica, SNAPSHOT_LEVEL, name, put, len_about, encode).await?;
    Ok((name, size))
}

/// Stores a local file that holds the whole database under the name of all transactions up to it.
pub(super) async fn store_local(
    log: &Log,
    full: Name,
    replica: &Replica,
    mode: PutMode,
) -> Result<(Name, u64), Error> {
    let (path, encoding) = (log.path(full), log.encoding());
    let file = File::open(&path).map_err(Error::io(&path))?;
    let len = file.metadata().map_err(Error::io(&path))?.len();
    let mut decoder = blocking(move || Ok(Decoder::new(file)?)).await?;
    let header = Header { min_txid: Txid(1), ..decoder.header().clone() };
    let put = Put { mode, timestamp_ms: Some(header.timestamp_ms) };
    let name = header.name();
    let encode = move |writer| {
        let mut encoder = Encoder::new(writer, header, encoding)?;
        let mut page = Vec::new();
        while let Some(pgno) = decoder.next_page(&mut page)? {
            encoder.page(pgno, &page)?;
        }
        decoder.finish()?;
        Ok(encoder.finish()?)
    };
    let size = store_stream(replica, SNAPSHOT_LEVEL, name, put, len, encode).await?;
    Ok((name, size))
}
