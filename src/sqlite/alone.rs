//! A file to oneself: whether somebody else uses it, and what one who has ended left beside it.

use super::Error;
use super::file::{open, quiet};
use super::hold::empty_log;
use rusqlite::{Connection, ffi};
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// A file that no other connection has open, if it is in WAL mode, or works on right now, if it is not; as
/// long as this lasts none can.
/// <https://www.sqlite.org/pragma.html#pragma_locking_mode>
pub struct Alone {
    path: PathBuf,
    connection: Connection,
}

impl Alone {
    /// Takes a file that exists; none if somebody else uses it. A transaction that a journal beside it
    /// is of is undone; a log stays as it is.
    ///
    /// # Errors
    /// `SQLITE_CANTOPEN`, `SQLITE_NOTADB`, `SQLITE_CORRUPT` ...
    pub fn take(path: &Path) -> Result<Option<Self>, Error> {
        Self::try_take(path).map_err(|error| error.beside(path))
    }

    fn try_take(path: &Path) -> Result<Option<Self>, Error> {
        let connection = open(path)?;
        connection.busy_timeout(Duration::ZERO)?;
        quiet(&connection)?;
        connection.query_row("PRAGMA locking_mode = EXCLUSIVE", (), |_| Ok(()))?;
        match connection.execute_batch("BEGIN EXCLUSIVE; COMMIT").map_err(Error::from) {
            Ok(()) => Ok(Some(Self { path: path.to_owned(), connection })),
            Err(error) if error.is_busy() => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Puts a log that lies beside the file into it, and leaves nothing beside it.
    ///
    /// # Errors
    /// `SQLITE_IOERR`, `SQLITE_FULL` ...
    pub fn settle(self) -> Result<(), Error> {
        // Not left to the closing, which tells nobody that the disk is full.
        empty_log(&self.connection)?;
        self.drop_log()
    }

    /// Removes a log that lies beside the file and is another one's.
    ///
    /// # Errors
    /// `SQLITE_IOERR`
    pub fn drop_log(self) -> Result<(), Error> {
        remove(&self.path, "-wal")?;
        remove(&self.path, "-shm")
    }
}

fn remove(path: &Path, suffix: &str) -> Result<(), Error> {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    match fs::remove_file(&name) {
        Err(error) if error.kind() != ErrorKind::NotFound => {
            let message = format!("remove {}: {error}", name.display());
            Err(Error::Engine { code: ffi::SQLITE_IOERR_DELETE, message, offset: None })
        }
        _gone => Ok(()),
    }
}
