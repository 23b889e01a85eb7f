//! A connection that is never used.

use super::handle::{has_moved, save_memory, sync_log};
use super::{Error, OpenOptions};
use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags, ffi};
use std::path::Path;
use std::time::Duration;

/// As long as it is open, no other connection is the last to close, and so none deletes the log;
/// and it is one to the file that is served, whatever has that file's name by now.
pub struct Hold {
    connection: Connection,
}

impl Hold {
    /// Opens a file that exists and reads its schema, so that what is no SQLite file, or a broken
    /// one, is found out; false if another process kept it locked for so long, which is no error.
    ///
    /// # Errors
    /// `SQLITE_CANTOPEN`, `SQLITE_NOTADB`, `SQLITE_CORRUPT` ...
    pub fn open(
        path: &Path,
        options: OpenOptions,
        patience: Duration,
    ) -> Result<(Self, bool), Error> {
        Self::try_open(path, options, patience).map_err(|error| error.beside(path))
    }

    fn try_open(
        path: &Path,
        options: OpenOptions,
        patience: Duration,
    ) -> Result<(Self, bool), Error> {
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE
            | OpenFlags::SQLITE_OPEN_NO_MUTEX
            | OpenFlags::SQLITE_OPEN_NOFOLLOW;
        let connection = Connection::open_with_flags(path, flags)?;
        let elsewhere = options.checkpoints_elsewhere;
        connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, elsewhere)?;
        connection.busy_timeout(patience)?;
        let read = read(&connection).and_then(|()| save_memory(&connection));
        let was_read = match read {
            Err(error) if error.is_busy() => false,
            read => read.map(|()| true)?,
        };
        Ok((Self { connection }, was_read))
    }

    /// Another file has the name by now, or none.
    #[must_use]
    pub fn has_moved(&self) -> bool {
        has_moved(&self.connection)
    }

    /// Makes all commits durable that are in the log, whoever made them. It is the same file that
    /// they were written to, as long as [`Self::has_moved`] is not true.
    ///
    /// # Errors
    /// `SQLITE_IOERR_FSYNC`; as of reading, if the log was not there when this was opened.
    pub fn sync_log(&self) -> Result<(), Error> {
        let mut code = sync_log(&self.connection);
        if code == ffi::SQLITE_MISUSE {
            read(&self.connection)?;
            code = sync_log(&self.connection);
        }
        match code {
            ffi::SQLITE_OK => Ok(()),
            code => Err(Error::Engine {
                code,
                message: "the write-ahead log could not be synced".to_owned(),
                offset: None,
            }),
        }
    }

    /// Copies the log into the file and cuts it to nothing, whatever has the file's name by now.
    ///
    /// # Errors
    /// `SQLITE_BUSY` when somebody still reads from the log, `SQLITE_IOERR`, `SQLITE_FULL` ...
    pub fn empty_log(&self) -> Result<(), Error> {
        empty_log(&self.connection)
    }
}

/// Copies the log, if there is one, into the file and cuts it to nothing, or says why that is not done.
pub(super) fn empty_log(connection: &Connection) -> Result<(), Error> {
    let sql = "PRAGMA main.wal_checkpoint(TRUNCATE)";
    let busy: i32 = connection.query_row(sql, (), |row| row.get(0))?;
    match busy {
        0 => Ok(()),
        _busy => {
            Err(rusqlite::Error::SqliteFailure(ffi::Error::new(ffi::SQLITE_BUSY), None).into())
        }
    }
}

/// Reads the schema, and so opens the log if there is one.
fn read(connection: &Connection) -> Result<(), Error> {
    Ok(connection.query_row("SELECT count(*) FROM sqlite_schema", (), |_| Ok(()))?)
}
