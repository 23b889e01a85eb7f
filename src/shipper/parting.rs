//! What a file was when its shipper ended in order: `.<file>-egret/parting.json`.
//!
//! A log proves after a restart where shipping goes on, if the file that it lies beside is still the one it
//! was written for. Where there is none any more, this alone does: all that was committed was in the file,
//! and the file has not been written since.

use super::{Error, state_directory, state_file};
use crate::ltx::Txid;
use serde::{Deserialize, Serialize};
use std::fs;
use std::io::ErrorKind;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

const FILE: &str = "parting.json";
/// A file may be written twice in the same moment of the file system's clock: only one that was not
/// written for so long would show that it was written again.
const AGE_MIN: Duration = Duration::from_secs(1);

/// A file as the file system knows it. Whoever writes it changes that.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Still {
    device: u64,
    inode: u64,
    len: u64,
    /// Seconds and nanoseconds since 1970: of the last change, which nobody can set.
    changed: (i64, i64),
}

impl Still {
    /// None if it cannot be read, or was changed a moment ago.
    pub(super) fn of(database: &Path) -> Option<Self> {
        let metadata = fs::metadata(database).ok()?;
        let changed = (metadata.ctime(), metadata.ctime_nsec());
        let now = SystemTime::now().duration_since(UNIX_EPOCH).ok()?;
        let age =
            now.checked_sub(Duration::new(changed.0.try_into().ok()?, changed.1.try_into().ok()?))?;
        let (device, inode, len) = (metadata.dev(), metadata.ino(), metadata.len());
        (age >= AGE_MIN).then_some(Self { device, inode, len, changed })
    }
}

/// What was found at the end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Parted {
    /// The file.
    pub(super) still: Still,
    /// Some of what was committed was only in its log.
    #[serde(default)]
    pub(super) in_log: bool,
}

impl Parted {
    /// The file has not been written since, nor another one put in its place.
    pub(super) fn is_still(&self, database: &Path) -> bool {
        Still::of(database) == Some(self.still)
    }

    /// The same, where there is no log: all that was committed is in the file.
    pub(super) fn is_whole(&self, database: &Path) -> bool {
        !self.in_log && self.is_still(database)
    }
}

#[derive(Default, Serialize, Deserialize)]
struct Parting {
    txid: Txid,
    #[serde(flatten)]
    parted: Option<Parted>,
}

/// What the file was after this transaction.
pub(super) fn read(database: &Path, txid: Txid) -> Option<Parted> {
    let parting: Parting = state_file::read(database, FILE);
    parting.parted.filter(|_| parting.txid == txid)
}

/// Keeps it.
pub(super) fn write(database: &Path, txid: Txid, parted: Parted) -> Result<(), Error> {
    state_file::write(database, FILE, &Parting { txid, parted: Some(parted) })
}

/// The file is not what it was any more.
pub(super) fn forget(database: &Path) -> Result<(), Error> {
    let path = state_directory(database).join(FILE);
    match fs::remove_file(&path) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(Error::io(&path)(error)),
        _gone => Ok(()),
    }
}
