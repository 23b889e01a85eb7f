//! The whole database, straight from where it is to the store.
//!
//! What enters: a read transaction of which it is known after which transaction it was begun
//! ([`Pinned`]). What leaves: a snapshot in the store. Writers go on meanwhile.

use super::Error;
use super::outgoing::Outgoing;
use crate::ltx::{Header, Name, PageEncoding, Txid};
use crate::sqlite::Pin;
use crate::store::{PutMode, Replica, SNAPSHOT_LEVEL};

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
