//! Whole copies of a file, one after another, as people keep them beside a backup that is shipped.
//!
//! What enters: a file and a place of its own. What leaves: a snapshot there, numbered after the
//! newest, made in one read transaction; and no more than so many of them. Nothing is kept locally.

use super::hooks::now_ms;
use super::merge::blocking;
use super::outgoing::Outgoing;
use crate::ltx::{self, Header, NO_CHECKSUM, PageEncoding, Txid};
use crate::sqlite::{self, Pin};
use crate::store::{self, Body, LtxFile, Put, PutMode, Replica, SNAPSHOT_LEVEL};
use std::fs;
use std::num::NonZeroUsize;
use std::path::Path;

/// What was stored, and what is there now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rolled {
    /// The number of the new copy.
    pub txid: Txid,
    /// When it was made, in milliseconds since 1970.
    pub time_ms: i64,
    /// Its length.
    pub bytes: u64,
    /// How many copies there are.
    pub copies: usize,
    /// How many were deleted.
    pub deleted: usize,
}

/// Why there is no new copy.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The file is not there.
    #[error("there is no such file")]
    NoFile,
    /// The file cannot be read.
    #[error("{0}{advice}", advice = .0.advice())]
    Sqlite(#[from] sqlite::Error),
    /// The file has no pages yet.
    #[error("the database is empty")]
    Vacant,
    /// The copy cannot be written.
    #[error(transparent)]
    Ltx(#[from] ltx::Error),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] store::Error),
    /// What is there is not made of whole copies.
    #[error("commits are shipped to this place: give copies one of their own")]
    Shipped,
    /// Another file's copies are there.
    #[error(
        "the copies there are of {of}: give each file a place of its own, or, if it is the same file, delete the object {key}"
    )]
    Others {
        /// The other file's path.
        of: String,
        /// The object that says so.
        key: String,
    },
}

/// The object beside the copies that says which file they are of.
const OWNER: &str = "egret.copies";

/// Stores a copy of a file, and deletes those beyond `keep`, the oldest first.
///
/// # Errors
/// The file cannot be read, the store fails, or the place has another use.
pub async fn roll(
    path: &Path,
    replica: &Replica,
    keep: Option<NonZeroUsize>,
) -> Result<Rolled, Error> {
    if !path.is_file() {
        return Err(Error::NoFile);
    }
    for level in 0..SNAPSHOT_LEVEL {
        if !replica.list_ltx(level).await?.is_empty() {
            return Err(Error::Shipped);
        }
    }
    let newest = copies(replica).await?.last().map_or(Txid(0), |file| file.name.max);
    let (txid, time_ms) = (newest.next(), now_ms());
    let pinned = path.to_owned();
    let (pin, header) = blocking(move || pin(&pinned, txid, time_ms)).await?;
    claim(replica, path).await?;
    let outgoing = Outgoing::database(pin, header, PageEncoding::Block);
    let bytes = outgoing.store::<Error>(replica, SNAPSHOT_LEVEL, PutMode::IfAbsent).await?;
    let all = copies(replica).await?;
    let excess = keep.map_or(0, |keep| all.len().saturating_sub(keep.get()));
    for file in all.iter().take(excess) {
        replica.delete_ltx(SNAPSHOT_LEVEL, file.name).await?;
    }
    Ok(Rolled { txid, time_ms, bytes, copies: all.len() - excess, deleted: excess })
}

/// Makes the place the file's, or finds that it is: the oldest copies there will be deleted.
async fn claim(replica: &Replica, path: &Path) -> Result<(), Error> {
    let path = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    let (key, path) = (replica.key(OWNER), path.into_os_string().into_encoded_bytes());
    match replica.bare().get(&key).await {
        Ok((_, of)) if of == path => Ok(()),
        Ok((_, of)) => Err(Error::Others { of: String::from_utf8_lossy(&of).into_owned(), key }),
        Err(store::Error::NotFound { .. }) => {
            let put = Put { mode: PutMode::IfAbsent, ..Put::default() };
            replica.bare().put(&key, Body::from(path), put).await?;
            Ok(())
        }
        Err(error) => Err(error.into()),
    }
}

/// The copies there are, oldest first.
async fn copies(replica: &Replica) -> Result<Vec<LtxFile>, Error> {
    let mut files = replica.list_ltx(SNAPSHOT_LEVEL).await?;
    files.sort_by_key(|file| file.name.max);
    Ok(files)
}

/// A read transaction on a file, and the header of what it sees.
fn pin(path: &Path, max_txid: Txid, timestamp_ms: i64) -> Result<(Pin, Header), Error> {
    let pin = Pin::open(path)?;
    pin.begin()?;
    let (page_size, commit) = pin.size()?;
    if commit == 0 {
        return Err(Error::Vacant);
    }
    let (flags, min_txid) = (NO_CHECKSUM, Txid(1));
    let header =
        Header { flags, page_size, commit, min_txid, max_txid, timestamp_ms, ..Header::default() };
    Ok((pin, header))
}
