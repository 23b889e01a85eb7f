//! What the file system says of a file and its log, without SQLite: whether another file has the
//! name, and whether either was written to.

use super::Error;
use std::fs;
use std::io::ErrorKind;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::time::{Duration, SystemTime};

/// Device and inode.
pub(super) type Identity = (u64, u64);

/// Which file has the name.
pub(super) fn identity(database: &Path) -> Result<Identity, Error> {
    match fs::metadata(database) {
        Ok(metadata) => Ok((metadata.dev(), metadata.ino())),
        Err(error) if error.kind() == ErrorKind::NotFound => {
            Err(Error::Replaced { path: database.to_owned() })
        }
        Err(error) => Err(Error::io(database)(error)),
    }
}

/// How long a checkpoint may take from its last write to its end.
const SYNC_TIME: Duration = Duration::from_secs(10);

/// What the file system says of a file and its log, without SQLite.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Glance {
    identity: Option<Identity>,
    written: Option<SystemTime>,
    wal: Option<(u64, SystemTime)>,
}

impl Glance {
    pub(super) fn at(database: &Path, wal: &Path) -> Self {
        let database = fs::metadata(database).ok();
        Self {
            identity: database.as_ref().map(|m| (m.dev(), m.ino())),
            written: database.and_then(|m| m.modified().ok()),
            wal: fs::metadata(wal).ok().and_then(|m| Some((m.len(), m.modified().ok()?))),
        }
    }

    /// Neither the file nor its log was written for so long.
    pub(super) fn is_older_than(&self, age: Duration) -> bool {
        let logged = self.wal.map(|(_, logged)| logged);
        let times = [self.written, logged].into_iter().flatten();
        times.max().is_some_and(|written| written.elapsed().is_ok_and(|elapsed| elapsed >= age))
    }

    /// Something was copied from the log into the file a moment ago.
    pub(super) fn was_just_copied(&self) -> bool {
        let (Some(written), Some((_, logged))) = (self.written, self.wal) else { return false };
        // Files get the time of the last tick of a clock: two writes may have the same.
        written >= logged && written.elapsed().is_ok_and(|age| age < SYNC_TIME)
    }
}
