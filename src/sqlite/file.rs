//! A file as shipping and following see it: raw pages.
//!
//! What enters: a path. What leaves: pages by number, read in one transaction ([`Pin`]) or written in
//! one ([`Applier`]). The file itself is never opened except by SQLite: closing any
//! other descriptor of it would drop the process's POSIX locks
//! (<https://www.sqlite.org/howtocorrupt.html#_posix_advisory_locks_canceled_by_a_separate_thread_doing_close_>).

use super::Error;
use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags, OptionalExtension as _};
use std::path::Path;
use std::time::Duration;

/// How long a read transaction waits for a lock that a foreign process holds.
pub(super) const BUSY_TIMEOUT: Duration = Duration::from_secs(1);
/// How long an apply waits for a foreign writer or checkpoint.
const APPLY_BUSY_TIMEOUT: Duration = Duration::from_secs(10);
/// What `PRAGMA auto_vacuum` says of a file whose free pages go at the end of each transaction.
const AUTO_VACUUM_FULL: u32 = 1;

/// One read transaction on a file, from which its pages are read while others write.
pub struct Pin {
    connection: Connection,
}

impl Pin {
    /// Opens a file that exists. Nothing is seen before [`Self::begin`].
    ///
    /// # Errors
    /// `SQLITE_CANTOPEN`, `SQLITE_NOTADB` ...
    pub fn open(path: &Path) -> Result<Self, Error> {
        let connection = open(path)?;
        connection.busy_timeout(BUSY_TIMEOUT)?;
        quiet(&connection)?;
        Ok(Self { connection })
    }

    /// Sees the newest commit from now on.
    ///
    /// # Errors
    /// `SQLITE_BUSY`, `SQLITE_CORRUPT` ...
    pub fn begin(&self) -> Result<(), Error> {
        begin(&self.connection)
    }

    /// The page size, and the database's size in pages.
    ///
    /// # Errors
    /// `SQLITE_CORRUPT` ...
    pub fn size(&self) -> Result<(u32, u32), Error> {
        size(&self.connection)
    }

    /// Every page, in order, the one with the lock bytes as zeros.
    ///
    /// # Errors
    /// Those of SQLite and those of `each`.
    pub fn pages<E: From<Error>>(
        &self,
        each: impl FnMut(u32, &[u8]) -> Result<(), E>,
    ) -> Result<(), E> {
        pages(&self.connection, each)
    }
}

/// Writes pages into a file, each set in one transaction, so that readers see all or none of it.
pub struct Applier {
    connection: Connection,
    /// Changes when another connection commits.
    version: i64,
}

impl Applier {
    /// Opens a file that exists.
    ///
    /// # Errors
    /// `SQLITE_CANTOPEN`, `SQLITE_NOTADB` ...
    pub fn open(path: &Path) -> Result<Self, Error> {
        let connection = open(path)?;
        connection.busy_timeout(APPLY_BUSY_TIMEOUT)?;
        connection.set_db_config(DbConfig::SQLITE_DBCONFIG_DEFENSIVE, false)?;
        to_wal(&connection)?;
        // A saved position must never be ahead of the file.
        connection.execute_batch("PRAGMA synchronous = FULL")?;
        // What is closed last would checkpoint, and the file look as if somebody had written to it.
        connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)?;
        let version = data_version(&connection)?;
        Ok(Self { connection, version })
    }

    /// Another connection, of this process or another, has committed to the file, which was not
    /// written whole since.
    ///
    /// # Errors
    /// `SQLITE_BUSY`, `SQLITE_IOERR` ...
    pub fn is_touched(&self) -> Result<bool, Error> {
        Ok(data_version(&self.connection)? != self.version)
    }

    /// Copies the log into the file as far as readers let it, and empties it then.
    ///
    /// # Errors
    /// `SQLITE_IOERR`, `SQLITE_FULL` ...
    pub fn checkpoint(&self) -> Result<(), Error> {
        self.connection.busy_timeout(Duration::ZERO)?;
        let sql = "PRAGMA main.wal_checkpoint(TRUNCATE)";
        let done = self.connection.query_row(sql, (), |_| Ok(()));
        self.connection.busy_timeout(APPLY_BUSY_TIMEOUT)?;
        Ok(done?)
    }

    /// Whether this SQLite was built with `SQLITE_ENABLE_DBPAGE_VTAB`, without which no page can be
    /// written.
    ///
    /// # Errors
    /// `SQLITE_NOMEM`
    pub fn is_able(&self) -> Result<bool, Error> {
        let sql = "SELECT 1 FROM pragma_module_list WHERE name = 'sqlite_dbpage'";
        Ok(self.connection.query_row(sql, (), |_| Ok(())).optional()?.is_some())
    }

    /// The page size.
    ///
    /// # Errors
    /// `SQLITE_CORRUPT` ...
    pub fn page_size(&self) -> Result<u32, Error> {
        Ok(self.connection.query_row("PRAGMA main.page_size", (), |row| row.get(0))?)
    }

    /// Writes the pages that `next` gives until it gives none, and makes the database `commit`
    /// pages long, in one transaction. These are all pages if `whole`; otherwise nothing is done and
    /// false returned if the file is touched.
    ///
    /// # Errors
    /// Those of SQLite and those of `next`; nothing is changed then.
    pub fn apply<E: From<Error>>(
        &mut self,
        commit: u32,
        whole: bool,
        mut next: impl FnMut(&mut Vec<u8>) -> Result<Option<u32>, E>,
    ) -> Result<bool, E> {
        // What SQLite remembers of pages does not fit what was written into them the last time.
        let begin = "PRAGMA shrink_memory; BEGIN IMMEDIATE";
        self.connection.execute_batch(begin).map_err(Error::from)?;
        let done = data_version(&self.connection).map_err(E::from).and_then(|version| {
            let trusted = whole || version == self.version;
            if trusted {
                self.write(commit, &mut next)?;
            }
            Ok(trusted.then_some(version))
        });
        let sql = if matches!(done, Ok(Some(_))) { "COMMIT" } else { "ROLLBACK" };
        let ended = self.connection.execute_batch(sql).map_err(Error::from);
        let version = done?;
        if ended.is_err() {
            // A commit that failed leaves the transaction open.
            end(&self.connection)?;
        }
        ended?;
        self.version = version.unwrap_or(self.version);
        Ok(version.is_some())
    }

    fn write<E: From<Error>>(
        &self,
        commit: u32,
        next: &mut impl FnMut(&mut Vec<u8>) -> Result<Option<u32>, E>,
    ) -> Result<(), E> {
        let before: u32 = self
            .connection
            .query_row("PRAGMA main.page_count", (), |row| row.get(0))
            .map_err(Error::from)?;
        let sql = "INSERT INTO sqlite_dbpage(pgno, data) VALUES (?1, ?2)";
        let mut insert = self.connection.prepare_cached(sql).map_err(Error::from)?;
        let (mut page, mut first) = (Vec::new(), None);
        while let Some(pgno) = next(&mut page)? {
            // SQLite looks at the first page while it works on the others.
            if pgno == 1 {
                first = Some(page.clone());
                self.keep_free_pages()?;
            } else {
                insert.execute((pgno, &page)).map_err(Error::from)?;
            }
        }
        // The rest in one statement: the next one would read the new schema, with what SQLite
        // remembers of the old first page. A truncation is taken back by any page written later.
        let cut = (before > commit).then(|| commit.saturating_add(1));
        let sql = match (&first, cut) {
            (Some(_), Some(_)) => {
                "INSERT INTO sqlite_dbpage(pgno, data) VALUES (1, ?1), (?2, NULL)"
            }
            (Some(_), None) => "INSERT INTO sqlite_dbpage(pgno, data) VALUES (1, ?1)",
            (None, Some(_)) => "INSERT INTO sqlite_dbpage(pgno, data) VALUES (?2, ?1)",
            (None, None) => return Ok(()),
        };
        let mut rest = self.connection.prepare(sql).map_err(Error::from)?;
        rest.raw_bind_parameter(1, first).map_err(Error::from)?;
        if let Some(cut) = cut {
            rest.raw_bind_parameter(2, cut).map_err(Error::from)?;
        }
        rest.raw_execute().map_err(Error::from)?;
        Ok(())
    }

    /// Whether SQLite moves and cuts off pages at the end of this transaction (`auto_vacuum = FULL`) is
    /// decided by the first page of before, and the new one may not be of a file that does so. What this
    /// writes into the first page is written over.
    fn keep_free_pages(&self) -> Result<(), Error> {
        let sql = "PRAGMA main.auto_vacuum";
        let mode: u32 = self.connection.query_row(sql, (), |row| row.get(0))?;
        if mode == AUTO_VACUUM_FULL {
            self.connection.execute_batch("PRAGMA main.auto_vacuum = INCREMENTAL")?;
        }
        Ok(())
    }
}

pub(super) fn open(path: &Path) -> Result<Connection, Error> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    Ok(Connection::open_with_flags(path, flags)?)
}

/// Begins a read transaction.
pub(super) fn begin(connection: &Connection) -> Result<(), Error> {
    connection.execute_batch("BEGIN")?;
    // The header's cookie is the cheapest thing whose reading starts a transaction.
    Ok(connection.query_row("PRAGMA main.schema_version", (), |_| Ok(()))?)
}

pub(super) fn size(connection: &Connection) -> Result<(u32, u32), Error> {
    let size = |sql| connection.query_row(sql, (), |row| row.get(0));
    Ok((size("PRAGMA main.page_size")?, size("PRAGMA main.page_count")?))
}

pub(super) fn page(connection: &Connection, pgno: u32) -> Result<Vec<u8>, Error> {
    let sql = "SELECT data FROM sqlite_dbpage('main') WHERE pgno = ?1";
    let found = connection.query_row(sql, [pgno], |row| row.get(0)).optional()?;
    Ok(found.unwrap_or_default())
}

pub(super) fn pages<E: From<Error>>(
    connection: &Connection,
    mut each: impl FnMut(u32, &[u8]) -> Result<(), E>,
) -> Result<(), E> {
    let sql = "SELECT pgno, data FROM sqlite_dbpage('main')";
    let mut statement = connection.prepare(sql).map_err(Error::from)?;
    let mut rows = statement.query(()).map_err(Error::from)?;
    while let Some(row) = rows.next().map_err(Error::from)? {
        let pgno = row.get(0).map_err(Error::from)?;
        let data = row.get_ref(1).map_err(Error::from)?;
        each(pgno, data.as_blob().unwrap_or_default())?;
    }
    Ok(())
}

fn data_version(connection: &Connection) -> Result<i64, Error> {
    Ok(connection.query_row("PRAGMA main.data_version", (), |row| row.get(0))?)
}

pub(super) fn to_wal(connection: &Connection) -> Result<(), Error> {
    Ok(connection.query_row("PRAGMA main.journal_mode = WAL", (), |_| Ok(()))?)
}

/// Leaves checkpoints to whoever decides about them.
pub(super) fn quiet(connection: &Connection) -> Result<(), Error> {
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)?;
    connection.query_row("PRAGMA wal_autocheckpoint = 0", (), |_| Ok(()))?;
    Ok(())
}

pub(super) fn end(connection: &Connection) -> Result<(), Error> {
    if !connection.is_autocommit() {
        connection.execute_batch("ROLLBACK")?;
    }
    Ok(())
}
