//! What the shipper asks of whoever serves the file.

use std::io;
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

/// The time, in milliseconds since 1970.
pub(crate) fn now_ms() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}

/// What the shipper asks of whoever serves the file.
pub trait Hooks: Send + Sync {
    /// Makes writers of this process queue until the guard is dropped, so that they wait in their
    /// own queue rather than for SQLite's lock. Foreign writers wait by their busy timeouts. None if
    /// one of them is not over after a moment: it is tried again later.
    fn hold_writers(&self) -> Option<Box<dyn Guard + '_>>;

    /// This process commits to the file itself, and says so: what else is committed is others'.
    fn commits(&self) -> bool {
        true
    }

    /// Somebody of this process writes. Whoever does says that he has committed before he is done.
    fn is_writing(&self) -> bool {
        false
    }

    /// Another file has the name, or none: what this process keeps open of the old one is let go of before
    /// the new one is opened.
    fn replaced(&self) {}

    /// What was committed before the last look is on its way. Who waits for that, waits for SQLite's
    /// log to be synced as well, which can be done meanwhile.
    fn taken(&self) {}

    /// The time, in milliseconds since 1970.
    fn now_ms(&self) -> i64 {
        now_ms()
    }

    /// Is told before each change of the local log.
    ///
    /// # Errors
    /// Taken for the disk's: the change is not made then.
    fn before(&self, _act: DiskAct<'_>) -> io::Result<()> {
        Ok(())
    }
}

/// A change of the local log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DiskAct<'a> {
    /// Bytes are added to a file, which may be new.
    Write(&'a Path),
    /// What was written to a file is put on the disk.
    Sync(&'a Path),
    /// A file gets its name.
    Rename(&'a Path, &'a Path),
    /// The names in a directory are put on the disk.
    SyncDirectory(&'a Path),
    /// A file is deleted.
    Remove(&'a Path),
}

/// Something that lasts until it is dropped.
pub trait Guard {}

impl<T> Guard for T {}

/// The hooks of a file that nobody else in this process writes to.
#[derive(Clone, Copy, Debug, Default)]
pub struct Alone;

impl Hooks for Alone {
    fn hold_writers(&self) -> Option<Box<dyn Guard + '_>> {
        Some(Box::new(()))
    }

    fn commits(&self) -> bool {
        false
    }
}
