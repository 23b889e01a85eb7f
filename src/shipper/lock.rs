//! One at a time ships a file, or follows with it: whoever has the lock of its state directory.
//!
//! Two would write over each other's local files. The system gives the lock back when its process
//! ends, however that happens. It is a file of its own, so that closing it drops none of the locks
//! that SQLite has on the database.

use super::{Error, state_directory};
use crate::store::make_directories;
use std::fs::{File, TryLockError};
use std::io::ErrorKind;
use std::path::Path;
use std::time::{Duration, Instant};

/// How long to wait for a shipper that is about to end.
const PATIENCE: Duration = Duration::from_secs(5);
/// How often to look meanwhile.
const RETRY: Duration = Duration::from_millis(20);

const NAME: &str = "lock";

/// Held as long as somebody looks at the file and writes local files.
#[derive(Debug)]
pub(crate) struct Lock {
    _file: File,
}

impl Lock {
    /// Locks the state directory of a database, which is created if there is none.
    ///
    /// # Errors
    /// [`Error::Shipped`] if another has it for long, [`Error::Io`].
    pub(crate) fn take(database: &Path) -> Result<Self, Error> {
        let directory = state_directory(database);
        make_directories(&directory).map_err(Error::io(&directory))?;
        let path = directory.join(NAME);
        let file = File::options().create(true).truncate(false).write(true).open(&path);
        let file = file.map_err(Error::io(&path))?;
        let until = Instant::now() + PATIENCE;
        loop {
            match file.try_lock() {
                Ok(()) => return Ok(Self { _file: file }),
                Err(TryLockError::Error(error)) => return Err(Error::io(&path)(error)),
                Err(TryLockError::WouldBlock) if Instant::now() < until => {
                    std::thread::sleep(RETRY);
                }
                Err(TryLockError::WouldBlock) => {
                    return Err(Error::Shipped { path: database.to_owned() });
                }
            }
        }
    }

    /// Whether somebody has it, without taking it for longer than it takes to ask; none if that cannot
    /// be told.
    pub(super) fn is_taken(database: &Path) -> Option<bool> {
        let file = match File::open(state_directory(database).join(NAME)) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Some(false),
            file => file.ok()?,
        };
        match file.try_lock_shared() {
            Ok(()) => Some(false),
            Err(TryLockError::WouldBlock) => Some(true),
            Err(TryLockError::Error(_)) => None,
        }
    }
}
