//! Read marks and checkpoints: what keeps a file's log until it is shipped.

use super::Error;
use super::file::{BUSY_TIMEOUT, begin, end, open, page, pages, quiet, size, to_wal};
use super::handle::{has_moved, save_memory};
use super::read_lock::ReadLock;
use rusqlite::Connection;
use std::cell::OnceCell;
use std::mem;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// How the gate waits for writers to leave: about half a second.
const GATE_PAUSE: Duration = Duration::from_millis(1);
const GATE_TRIES: i32 = 500;

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
    held: Option<Mark>,
    gate: OnceCell<Connection>,
    converted: bool,
}

/// What holds the read mark.
enum Mark {
    /// The read transaction of one of the connections.
    Transaction(usize),
    /// Nothing else is open.
    Lock(ReadLock),
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

    /// Lets a bare lock hold the mark, moved to the newest commit, if the log has as many frames as
    /// suits, and the salts, and closes every connection; how far the log was copied then. None if it has not, or
    /// changes.
    ///
    /// # Errors
    /// `SQLITE_BUSY`, `SQLITE_CANTOPEN` ...: everything is as it was.
    pub fn doze(
        &mut self,
        suits: impl Fn(u64, [u32; 2]) -> bool,
    ) -> Result<Option<Checkpointed>, Error> {
        let Some((lock, log)) = ReadLock::take(&self.path, suits)? else { return Ok(None) };
        // It is of the same file as long as what is open of that says that it has not moved.
        let has_moved = match &mut self.held {
            Some(Mark::Lock(before)) => before.has_moved(),
            Some(Mark::Transaction(_)) | None => self.connections().any(has_moved),
        };
        if has_moved {
            return Ok(None);
        }
        self.marks = [OnceCell::new(), OnceCell::new()];
        self.gate = OnceCell::new();
        lock.give_back_memory();
        self.held = Some(Mark::Lock(lock));
        Ok(Some(log))
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
        let before = self.take_next()?;
        self.give_up(before)
    }

    /// The same, and how far the log was copied while both marks were held: a mark on a frame kept it
    /// from being restarted until then. If the mark may not move after that it stays where it is, and
    /// none is returned.
    ///
    /// # Errors
    /// `SQLITE_BUSY`, `SQLITE_CORRUPT` ...
    pub fn remark(
        &mut self,
        may_move: impl FnOnce(&Checkpointed) -> bool,
    ) -> Result<Option<Checkpointed>, Error> {
        let mut given_up = self.take_next()?;
        let log = self.gate().and_then(|gate| checkpoint(gate, Checkpoint::Noop));
        let stays = given_up.is_some() && log.as_ref().is_ok_and(|log| !may_move(log));
        if stays {
            mem::swap(&mut self.held, &mut given_up);
        }
        self.give_up(given_up)?;
        Ok(Some(log?).filter(|_| !stays))
    }

    /// Takes the next mark; the one before, which is still held.
    fn take_next(&mut self) -> Result<Option<Mark>, Error> {
        let next = self.other();
        let connection = self.mark_of(next)?;
        end(connection)?;
        begin(connection)?;
        Ok(self.held.replace(Mark::Transaction(next)))
    }

    fn give_up(&self, mark: Option<Mark>) -> Result<(), Error> {
        match mark {
            Some(Mark::Transaction(n)) => self.opened(n).map_or(Ok(()), end),
            Some(Mark::Lock(_)) | None => Ok(()),
        }
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

    /// The page size, and the database's size in pages at the read mark, which a transaction holds.
    ///
    /// # Errors
    /// `SQLITE_CORRUPT` ...
    pub fn size(&self) -> Result<(u32, u32), Error> {
        size(self.marked()?)
    }

    /// The first page at the read mark, which a transaction holds; empty if there is none.
    ///
    /// # Errors
    /// `SQLITE_CORRUPT` ...
    pub fn first_page(&self) -> Result<Vec<u8>, Error> {
        page(self.marked()?, 1)
    }

    /// Every page at the read mark, which a transaction holds, in order, the one with the lock bytes as zeros.
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
        match self.held {
            Some(Mark::Transaction(held)) => 1 - held,
            Some(Mark::Lock(_)) | None => 0,
        }
    }

    fn connections(&self) -> impl Iterator<Item = &Connection> {
        self.marks.iter().chain([&self.gate]).filter_map(OnceCell::get)
    }

    fn opened(&self, n: usize) -> Option<&Connection> {
        self.marks.get(n).and_then(OnceCell::get)
    }

    fn marked(&self) -> Result<&Connection, Error> {
        let held = match self.held {
            Some(Mark::Transaction(held)) => self.opened(held),
            Some(Mark::Lock(_)) | None => None,
        };
        held.map_or_else(|| self.gate(), Ok)
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

/// SQLite's own handler sleeps ever longer; against writers that come one after another it would
/// hardly ever win.
fn insist(tries: i32) -> bool {
    std::thread::sleep(GATE_PAUSE);
    tries < GATE_TRIES
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Ground {
        directory: tempfile::TempDir,
        writer: Connection,
    }

    impl Ground {
        fn new() -> Self {
            let directory = tempfile::tempdir().unwrap();
            let writer = Connection::open(directory.path().join("app.db")).unwrap();
            writer.execute_batch("PRAGMA journal_mode = WAL; CREATE TABLE t(x)").unwrap();
            writer.execute_batch("PRAGMA wal_autocheckpoint = 0; PRAGMA busy_timeout = 0").unwrap();
            Self { directory, writer }
        }

        fn keeper(&self) -> Keeper {
            Keeper::open(&self.directory.path().join("app.db")).unwrap()
        }

        fn commit(&self) {
            self.writer.execute_batch("INSERT INTO t VALUES (zeroblob(100))").unwrap();
        }

        fn checkpoint(&self, mode: Checkpoint) -> Checkpointed {
            checkpoint(&self.writer, mode).unwrap()
        }

        fn frames(&self) -> u64 {
            self.checkpoint(Checkpoint::Noop).frames.try_into().unwrap()
        }
    }

    #[test]
    fn a_lock_on_a_frame_keeps_the_log_from_being_started_over() {
        let ground = Ground::new();
        let mut keeper = ground.keeper();
        keeper.mark().unwrap();
        let frames = ground.frames();
        let log = keeper.doze(|n, _| n == frames).unwrap().unwrap();
        assert_eq!((log.frames, log.backfilled), (frames.try_into().unwrap(), 0));
        assert!(keeper.connections().next().is_none());
        for _ in 0..3 {
            ground.commit();
            let copied = ground.checkpoint(Checkpoint::Passive);
            assert_eq!(copied.backfilled, log.frames, "not beyond the mark");
            assert!(ground.checkpoint(Checkpoint::Truncate).busy);
        }
        assert!(ground.frames() > frames);
        keeper.unmark().unwrap();
        assert!(ground.checkpoint(Checkpoint::Passive).is_complete());
        ground.commit();
        assert!(ground.frames() < frames, "started over");
    }

    #[test]
    fn a_lock_on_the_whole_file_keeps_the_next_run_of_the_log() {
        let ground = Ground::new();
        let mut keeper = ground.keeper();
        assert!(ground.checkpoint(Checkpoint::Passive).is_complete());
        keeper.mark().unwrap();
        assert!(keeper.doze(|n, _| n == ground.frames()).unwrap().unwrap().is_complete());
        ground.commit();
        let frames = ground.frames();
        for _ in 0..3 {
            assert_eq!(ground.checkpoint(Checkpoint::Passive).backfilled, 0);
            ground.commit();
        }
        assert!(ground.frames() > frames);
        // The next mark is taken before this one is given up.
        let log = keeper.remark(|_| true).unwrap().unwrap();
        assert!(!log.is_complete());
        assert!(ground.checkpoint(Checkpoint::Passive).is_complete());
    }

    #[test]
    fn a_log_that_is_not_as_it_was_read_keeps_its_connections() {
        let ground = Ground::new();
        let mut keeper = ground.keeper();
        keeper.mark().unwrap();
        let frames = ground.frames();
        ground.commit();
        assert_eq!(keeper.doze(|n, _| n == frames).unwrap(), None);
        // Nobody else has a mark where the log ends now.
        assert_eq!(keeper.doze(|n, _| n == ground.frames()).unwrap(), None);
        assert!(keeper.connections().next().is_some());
        keeper.mark().unwrap();
        assert!(keeper.doze(|n, _| n == ground.frames()).unwrap().is_some());
        keeper.checkpoint(Checkpoint::Noop).unwrap();
        assert!(keeper.doze(|n, _| n == ground.frames()).unwrap().is_some(), "asleep again");
        assert!(keeper.connections().next().is_none());
    }
}
