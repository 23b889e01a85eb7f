//! A file that somebody ships, or nobody, and its store in; what can be known of that from outside out.
//!
//! No server is asked. What tells is the lock of the state directory, the local log, SQLite's log beside
//! the file, and the lease beside the backup.

use super::lease::{self, Holder};
use super::lock::Lock;
use super::log::Log;
use super::parting;
use super::tenure::Tenures;
pub use super::tenure::Whose;
use super::{Error, state_directory};
use crate::ltx::{Header, Name, Txid};
use crate::store::Replica;
use crate::wal::{self, Salts, WAL_HEADER_LEN, WalReader};
use std::fs::{self, File};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

/// What lies beside a file.
#[derive(Clone)]
pub struct Outside {
    /// A process of egret's ships it now, or follows with it; none if that cannot be told.
    pub is_shipped: Option<bool>,
    /// The newest transaction in the local log; 0 if nothing was ever shipped from here.
    pub local: Txid,
    /// The length of the local log.
    pub log_bytes: u64,
    /// The length of SQLite's log.
    pub wal_bytes: u64,
    /// Commits in SQLite's log that are not in the local one; none if that cannot be told, as where there
    /// is no log any more, and somebody has written to the database since it was shipped.
    pub unshipped: Option<u64>,
    /// When SQLite's log was last written, in milliseconds since 1970.
    pub wal_written_ms: Option<i64>,
    /// The directory of what egret keeps beside the file.
    pub state: PathBuf,
    names: Vec<Name>,
    log: Log,
}

/// Who writes, or wrote last, to a backup.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Writer {
    /// For people: a machine and a process.
    pub name: String,
    /// It is whoever ships this file on this machine.
    pub is_here: bool,
    /// Whose the backup was before.
    pub whose: Whose,
    /// It has not given the backup back.
    pub is_held: bool,
    /// How often the writer has changed.
    pub epoch: u64,
    /// When it was last heard of by the store's clock, in milliseconds since 1970, if that tells.
    pub heard_ms: Option<i64>,
}

impl Outside {
    /// Looks at what lies beside a file. Nothing is written, and nobody waits.
    #[must_use]
    pub fn look(database: &Path) -> Self {
        let log = Log::of(database);
        let names = log.names().unwrap_or_default();
        let log_bytes = names.iter().map(|name| log.bytes(*name)).sum();
        let local = names.last().map_or(Txid(0), |name| name.max);
        let wal = wal::path_of(database);
        let metadata = fs::metadata(&wal).ok();
        let wal_bytes = metadata.as_ref().map_or(0, fs::Metadata::len);
        let written = metadata.filter(|_| wal_bytes > 0).and_then(|found| found.modified().ok());
        let since = written.and_then(|written| written.duration_since(UNIX_EPOCH).ok());
        let wal_written_ms = since.and_then(|since| i64::try_from(since.as_millis()).ok());
        let is_shipped = Lock::is_taken(database);
        let shipped_to = names.last().and_then(|name| log.header(*name).ok()?);
        let is_seen = wal_bytes > 0 || is_shipped != Some(false) || {
            parting::read(database, local).is_some_and(|parted| parted.is_whole(database))
        };
        let shipped_to = shipped_to.filter(|_| is_seen);
        let unshipped = shipped_to.and_then(|header| count_after(&wal, &header));
        let state = state_directory(database);
        Self {
            is_shipped,
            local,
            log_bytes,
            wal_bytes,
            unshipped,
            wal_written_ms,
            state,
            names,
            log,
        }
    }

    /// Since when, in milliseconds since 1970, a backup that ends with this transaction lacks something;
    /// none if it does not, as far as can be known.
    #[must_use]
    pub fn behind_since_ms(&self, stored: Txid) -> Option<i64> {
        let lacking = self.names.iter().find(|name| name.max > stored);
        let in_log = lacking.and_then(|name| self.log.header(*name).ok()?);
        let in_log = in_log.map(|header| header.timestamp_ms);
        in_log.or(self.wal_written_ms.filter(|_| self.unshipped.is_some_and(|count| count > 0)))
    }
}

/// Who has the lease of a file's backup; none if there is no lease.
///
/// # Errors
/// If the store fails, or what stands there is no lease.
pub async fn writer(replica: &Replica, database: &Path) -> Result<Option<Writer>, Error> {
    let found = lease::look(replica).await?;
    let (here, tenures) = (Holder::of(database).id, Tenures::open(database));
    Ok(found.map(|(object, text)| Writer {
        is_here: text.holder.id == here,
        whose: tenures.whose(&text),
        name: text.holder.name,
        is_held: text.held,
        epoch: text.epoch,
        heard_ms: object.modified_ms,
    }))
}

/// How many commits a log has behind the place where a local file ends. A log that was started over
/// since has none of what was shipped.
fn count_after(wal: &Path, shipped: &Header) -> Option<u64> {
    let file = match File::open(wal) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Some(0),
        file => file.ok()?,
    };
    if file.metadata().ok()?.len() < WAL_HEADER_LEN {
        return Some(0);
    }
    let mut reader = WalReader::new(file).ok()?;
    let same_run = reader.header().salts == Salts(shipped.wal_salt1, shipped.wal_salt2);
    let end = shipped.wal_offset.saturating_add(shipped.wal_size);
    let mut count = 0;
    while let Some(frame) = reader.next_frame().ok()? {
        let is_shipped = same_run && frame.offset < end;
        count += u64::from(frame.commit > 0 && !is_shipped);
    }
    Some(count)
}
