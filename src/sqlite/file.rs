//! A file as shipping and following see it: read marks, checkpoints and raw pages.
//!
//! What enters: a path. What leaves: pages by number, read in one transaction ([`Keeper`]) or
//! written in one ([`Applier`]). The file itself is never opened except by SQLite: closing any
//! other descriptor of it would drop the process's POSIX locks
//! (<https://www.sqlite.org/howtocorrupt.html#_posix_advisory_locks_canceled_by_a_separate_thread_doing_close_>).

use super::Error;
use super::handle::save_memory;
use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags, OptionalExtension as _};
use std::cell::OnceCell;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// How long the keeper waits for a lock that a foreign process holds.
const BUSY_TIMEOUT: Duration = Duration::from_secs(1);
/// How the gate waits for writers to leave: about half a second.
const GATE_PAUSE: Duration = Duration::from_millis(1);
const GATE_TRIES: i32 = 500;
/// How long an apply waits for a foreign writer or checkpoint.
const APPLY_BUSY_TIMEOUT: Duration = Duration::from_secs(10);

/// Keeps a file's log from being started over unseen.
///
/// While it holds its read mark no other connection, of this process or another, can overwrite
/// frames that were committed after the mark was taken: a mark on a frame keeps the log from being
/// restarted, and a mark on the whole file (everything was backfilled) keeps the next run of the
/// log from being backfilled, which keeps it from being restarted in turn
/// (<https://www.sqlite.org/walformat.html#wal_locks>).
pub struct Keeper {
    path: PathBuf,
    /// One of them holds the mark while the other one takes the next; opened when they are used.
    marks: [OnceCell<Connection>; 2],
    held: Option<usize>,
    gate: OnceCell<Connection>,
    converted: bool,
}

/// How a checkpoint treats others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Checkpoint {
    /// Copies nothing, only tells how long the log is. Frames beyond that do not count even if they
    /// look committed: a writer that died between writing a commit and entering it in the index
    /// leaves such frames behind, and the next writer overwrites them.
    Noop,
    /// Copies what it can without waiting for anybody.
    Passive,
    /// Copies all, and cuts the log's file to nothing.
    Truncate,
}

/// How far a checkpoint came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Checkpointed {
    /// Somebody was in the way.
    pub busy: bool,
    /// Frames in the log.
    pub frames: i64,
    /// Frames that are in the database file too.
    pub backfilled: i64,
}

impl Checkpointed {
    /// All of the log is in the database file.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.frames == self.backfilled
    }
}

impl Keeper {
    /// Opens a file that exists, and turns it to WAL mode if it is in another.
    ///
    /// # Errors
    /// `SQLITE_CANTOPEN`, `SQLITE_NOTADB`, `SQLITE_BUSY` if it is not in WAL mode and in use ...
    pub fn open(path: &Path) -> Result<Self, Error> {
        let mut keeper = Self {
            path: path.to_owned(),
            marks: [OnceCell::new(), OnceCell::new()],
            held: None,
            gate: OnceCell::new(),
            converted: false,
        };
        let gate = keeper.gate()?;
        let mode: String = gate.query_row("PRAGMA main.journal_mode", (), |row| row.get(0))?;
        let converted = !mode.eq_ignore_ascii_case("wal");
        if converted {
            to_wal(gate)?;
        }
        keeper.converted = converted;
        Ok(keeper)
    }

    /// Closes what is not needed as long as nothing is committed: all but the mark. True if there was
    /// anything.
    pub fn doze(&mut self) -> bool {
        let mut closed = self.gate.take().is_some();
        for (n, mark) in self.marks.iter_mut().enumerate() {
            if self.held.is_some_and(|held| held != n) {
                closed |= mark.take().is_some();
            }
        }
        closed
    }

    /// The file was in another journal mode when it was opened.
    #[must_use]
    pub fn converted(&self) -> bool {
        self.converted
    }

    /// Takes a read mark on the newest commit, then gives up the one before, if any.
    ///
    /// # Errors
    /// `SQLITE_BUSY`, `SQLITE_CORRUPT` ...
    pub fn mark(&mut self) -> Result<(), Error> {
        let next = self.other();
        let connection = self.mark_of(next)?;
        end(connection)?;
        begin(connection)?;
        let before = self.held.replace(next);
        before.and_then(|held| self.opened(held)).map_or(Ok(()), end)
    }

    /// The same, and how far the log was copied while both marks were held: a mark on a frame kept it
    /// from being restarted until then.
    ///
    /// # Errors
    /// `SQLITE_BUSY`, `SQLITE_CORRUPT` ...
    pub fn remark(&mut self) -> Result<Checkpointed, Error> {
        let next = self.other();
        let connection = self.mark_of(next)?;
        end(connection)?;
        begin(connection)?;
        let log = checkpoint(self.gate()?, Checkpoint::Noop);
        let before = self.held.replace(next);
        before.and_then(|held| self.opened(held)).map_or(Ok(()), end)?;
        log
    }

    /// Gives the read mark up.
    ///
    /// # Errors
    /// `SQLITE_IOERR`
    pub fn unmark(&mut self) -> Result<(), Error> {
        self.held = None;
        self.marks.iter().filter_map(OnceCell::get).try_for_each(end)
    }

    /// Keeps every writer out until [`Self::let_in`]; writers wait as long as their busy timeout
    /// says.
    ///
    /// # Errors
    /// `SQLITE_BUSY` if writers leave no room for half a second.
    pub fn keep_out(&self) -> Result<(), Error> {
        Ok(self.gate()?.execute_batch("BEGIN IMMEDIATE")?)
    }

    /// Lets writers in again.
    ///
    /// # Errors
    /// `SQLITE_IOERR`
    pub fn let_in(&self) -> Result<(), Error> {
        self.gate.get().map_or(Ok(()), end)
    }

    /// Copies the log into the database file.
    ///
    /// # Errors
    /// `SQLITE_IOERR`, `SQLITE_FULL` ...; that others are in the way is no error.
    pub fn checkpoint(&self, mode: Checkpoint) -> Result<Checkpointed, Error> {
        let connection = self.mark_of(self.other())?;
        // Waiting would keep writers out for as long.
        connection.busy_timeout(Duration::ZERO)?;
        let done = checkpoint(connection, mode);
        connection.busy_timeout(BUSY_TIMEOUT)?;
        done
    }

    /// The page size, and the database's size in pages at the read mark.
    ///
    /// # Errors
    /// `SQLITE_CORRUPT` ...
    pub fn size(&self) -> Result<(u32, u32), Error> {
        size(self.marked()?)
    }

    /// Every page at the read mark, in order, the one with the lock bytes as zeros.
    ///
    /// # Errors
    /// Those of SQLite and those of `each`.
    pub fn pages<E: From<Error>>(
        &self,
        each: impl FnMut(u32, &[u8]) -> Result<(), E>,
    ) -> Result<(), E> {
        pages(self.marked()?, each)
    }

    /// Which connection does not hold the mark.
    fn other(&self) -> usize {
        self.held.map_or(0, |held| 1 - held)
    }

    fn opened(&self, n: usize) -> Option<&Connection> {
        self.marks.get(n).and_then(OnceCell::get)
    }

    fn marked(&self) -> Result<&Connection, Error> {
        self.held.and_then(|held| self.opened(held)).map_or_else(|| self.gate(), Ok)
    }

    fn mark_of(&self, n: usize) -> Result<&Connection, Error> {
        let [first, second] = &self.marks;
        let place = if n == 0 { first } else { second };
        opened_once(place, || {
            let connection = open(&self.path)?;
            connection.busy_timeout(BUSY_TIMEOUT)?;
            quiet(&connection)?;
            Ok(connection)
        })
    }

    fn gate(&self) -> Result<&Connection, Error> {
        opened_once(&self.gate, || {
            let mut connection = open(&self.path)?;
            connection.busy_handler(Some(insist))?;
            quiet(&connection)?;
            Ok(connection)
        })
    }
}

fn checkpoint(connection: &Connection, mode: Checkpoint) -> Result<Checkpointed, Error> {
    let sql = match mode {
        Checkpoint::Noop => "PRAGMA main.wal_checkpoint(NOOP)",
        Checkpoint::Passive => "PRAGMA main.wal_checkpoint(PASSIVE)",
        Checkpoint::Truncate => "PRAGMA main.wal_checkpoint(TRUNCATE)",
    };
    let done = connection.prepare_cached(sql)?.query_row((), |row| {
        let busy: i64 = row.get(0)?;
        Ok(Checkpointed { busy: busy != 0, frames: row.get(1)?, backfilled: row.get(2)? })
    });
    match done.map_err(Error::from) {
        Err(error) if error.is_busy() => Ok(Checkpointed { busy: true, frames: 0, backfilled: -1 }),
        done => done,
    }
}

fn opened_once(
    place: &OnceCell<Connection>,
    open: impl FnOnce() -> Result<Connection, Error>,
) -> Result<&Connection, Error> {
    if let Some(connection) = place.get() {
        return Ok(connection);
    }
    let connection = open()?;
    save_memory(&connection)?;
    Ok(place.get_or_init(|| connection))
}

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
}

/// SQLite's own handler sleeps ever longer; against writers that come one after another it would
/// hardly ever win.
fn insist(tries: i32) -> bool {
    std::thread::sleep(GATE_PAUSE);
    tries < GATE_TRIES
}

fn open(path: &Path) -> Result<Connection, Error> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    Ok(Connection::open_with_flags(path, flags)?)
}

/// Begins a read transaction.
fn begin(connection: &Connection) -> Result<(), Error> {
    connection.execute_batch("BEGIN")?;
    // The header's cookie is the cheapest thing whose reading starts a transaction.
    Ok(connection.query_row("PRAGMA main.schema_version", (), |_| Ok(()))?)
}

fn size(connection: &Connection) -> Result<(u32, u32), Error> {
    let size = |sql| connection.query_row(sql, (), |row| row.get(0));
    Ok((size("PRAGMA main.page_size")?, size("PRAGMA main.page_count")?))
}

fn pages<E: From<Error>>(
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

fn to_wal(connection: &Connection) -> Result<(), Error> {
    Ok(connection.query_row("PRAGMA main.journal_mode = WAL", (), |_| Ok(()))?)
}

/// Leaves checkpoints to whoever decides about them.
fn quiet(connection: &Connection) -> Result<(), Error> {
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)?;
    connection.query_row("PRAGMA wal_autocheckpoint = 0", (), |_| Ok(()))?;
    Ok(())
}

fn end(connection: &Connection) -> Result<(), Error> {
    if !connection.is_autocommit() {
        connection.execute_batch("ROLLBACK")?;
    }
    Ok(())
}
