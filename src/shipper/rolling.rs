//! Whole copies of a file, one after another, as people keep them beside a backup that is shipped.
//!
//! What enters: a file and a place of its own. What leaves: a snapshot there, numbered after the
//! newest, made in one read transaction; and no more than so many of them. Nothing is kept locally.

use crate::ltx::{self, Encoder, Header, NO_CHECKSUM, Name, PageEncoding, Txid, lock_page};
use crate::sqlite::{self, Pin};
use crate::store::{self, Body, BodyWriter, LtxFile, Put, PutMode, Replica, SNAPSHOT_LEVEL};
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};
use tokio::task::spawn_blocking;

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
    #[error(transparent)]
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
}

/// Stores a copy of a file, and deletes those beyond `keep`, the oldest first.
///
/// # Errors
/// The file cannot be read, the store fails, or the place has another use.
pub async fn roll(
    path: &Path,
    replica: &Replica,
    keep: Option<NonZeroUsize>,
) -> Result<Rolled, Error> {
    if !path.exists() {
        return Err(Error::NoFile);
    }
    for level in 0..SNAPSHOT_LEVEL {
        if !replica.list_ltx(level).await?.is_empty() {
            return Err(Error::Shipped);
        }
    }
    let newest = copies(replica).await?.last().map_or(Txid(0), |file| file.name.max);
    let (txid, time_ms) = (newest.next(), now_ms());
    let name = Name { min: Txid(1), max: txid };
    let bytes = store_copy(path.to_owned(), replica, name, time_ms).await?;
    let all = copies(replica).await?;
    let excess = keep.map_or(0, |keep| all.len().saturating_sub(keep.get()));
    for file in all.iter().take(excess) {
        replica.delete_ltx(SNAPSHOT_LEVEL, file.name).await?;
    }
    Ok(Rolled { txid, time_ms, bytes, copies: all.len() - excess, deleted: excess })
}

/// The copies there are, oldest first.
async fn copies(replica: &Replica) -> Result<Vec<LtxFile>, Error> {
    let mut files = replica.list_ltx(SNAPSHOT_LEVEL).await?;
    files.sort_by_key(|file| file.name.max);
    Ok(files)
}

/// Pages go out while they are read.
async fn store_copy(
    path: PathBuf,
    replica: &Replica,
    name: Name,
    time_ms: i64,
) -> Result<u64, Error> {
    let len_about = std::fs::metadata(&path).map_or(0, |metadata| metadata.len());
    let (writer, body) = Body::stream(len_about);
    let write = spawn_blocking(move || encode(&path, writer, name, time_ms));
    let put = Put { mode: PutMode::IfAbsent, timestamp_ms: Some(time_ms) };
    let stored = replica.put_ltx(SNAPSHOT_LEVEL, name, body, put).await;
    let written = write.await.unwrap_or(Err(Error::Store(store::Error::Stopped)));
    match (written, stored) {
        // Whoever failed first made the other fail.
        (Err(error), Err(store::Error::Unfinished)) => Err(error),
        (_, Err(error)) => Err(error.into()),
        (written, Ok(_)) => written,
    }?;
    let key = replica.ltx_key(SNAPSHOT_LEVEL, name);
    Ok(replica.store().head(&key).await?.size)
}

fn encode(path: &Path, writer: BodyWriter, name: Name, time_ms: i64) -> Result<(), Error> {
    let pin = Pin::open(path)?;
    pin.begin()?;
    let (page_size, commit) = pin.size()?;
    if commit == 0 {
        return Err(Error::Vacant);
    }
    let header = Header {
        flags: NO_CHECKSUM,
        page_size,
        commit,
        min_txid: name.min,
        max_txid: name.max,
        timestamp_ms: time_ms,
        ..Header::default()
    };
    let mut encoder = Encoder::new(writer, header, PageEncoding::Block)?;
    pin.pages(|pgno, page| {
        if pgno == lock_page(page_size) { Ok(()) } else { encoder.page(pgno, page) }
            .map_err(Error::from)
    })?;
    let (writer, _) = encoder.finish()?;
    Ok(writer.finish().map_err(ltx::Error::from)?)
}

fn now_ms() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}
