//! The whole database, straight from where it is to the store.
//!
//! What enters: a read transaction of which it is known after which transaction it was begun
//! ([`Pinned`]), or a local file that holds the whole database. What leaves: a snapshot in the store.
//! Writers go on meanwhile.

use super::Error;
use super::log::Log;
use super::merge::blocking;
use super::outgoing::{Input, Outgoing, Pages};
use crate::ltx::{Decoder, Header, Merge, Name, PageEncoding, Txid};
use crate::sqlite::Pin;
use crate::store::{PutMode, Replica, SNAPSHOT_LEVEL};
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
}

/// Stores a pinned database; its name and length there.
pub(super) async fn store(
    pinned: Pinned,
    replica: &Replica,
    encoding: PageEncoding,
    mode: PutMode,
) -> Result<(Name, u64), Error> {
    let name = pinned.name();
    let outgoing = Outgoing::database(pinned.pin, pinned.header, encoding);
    Ok((name, outgoing.ensure(replica, SNAPSHOT_LEVEL, mode).await?))
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
    let len_about = file.metadata().map_err(Error::io(&path))?.len();
    let input: Input = Box::new(file);
    let open = move || {
        let decoder = Decoder::new(input)?;
        let header = Header { min_txid: Txid(1), ..decoder.header().clone() };
        Ok::<_, Error>((header, Merge::new(vec![decoder])?))
    };
    let (header, merge) = blocking(open).await?;
    let (name, pages) = (header.name(), Pages::Files(merge));
    let outgoing = Outgoing { header, pages, encoding, len_about };
    Ok((name, outgoing.ensure(replica, SNAPSHOT_LEVEL, mode).await?))
}
