//! The file on one machine, and those who write it there.

use crate::dice::Dice;
use crate::history::{History, read};
use rusqlite::Connection;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// A file, and what is done to it.
pub struct World {
    /// Which machine it is on.
    machine: usize,
    directory: PathBuf,
    dice: Dice,
    /// The application that tells the shipper of its commits, one that does not, and one that reads.
    ours: Option<Connection>,
    other: Option<Connection>,
    other_checkpoints: bool,
    reader: Option<Connection>,
    /// What was in the file after each commit, on whatever machine.
    history: History,
    newest: Option<usize>,
    /// The file and its log when they were last on the disk.
    synced: Option<[Vec<u8>; 2]>,
    page_size: u32,
    auto_vacuum: bool,
}

impl World {
    pub fn new(machine: usize, directory: &Path, mut dice: Dice, history: History) -> Self {
        Self {
            machine,
            directory: directory.to_owned(),
            page_size: dice.pick(&[512, 1024, 4096]),
            auto_vacuum: dice.one_in(4),
            dice,
            ours: None,
            other: None,
            other_checkpoints: false,
            reader: None,
            history,
            newest: None,
            synced: None,
        }
    }

    pub fn database(&self) -> PathBuf {
        self.directory.join("app.db")
    }

    /// Makes pages as long as those of another.
    pub fn imitate(&mut self, other: &Self) {
        self.page_size = other.page_size;
    }

    /// The number of the newest state made here; none before the first.
    pub fn newest(&self) -> Option<usize> {
        self.newest
    }

    /// A transaction of the application; the number of its state unless somebody is in the way.
    pub fn commit(&mut self) -> Option<usize> {
        let path = self.database();
        if self.ours.is_none() {
            self.ours = self.open(&path, 0);
        }
        let connection = self.ours.take()?;
        let done = self.commit_on(&connection);
        self.ours = Some(connection);
        done
    }

    /// A transaction of somebody who tells nobody.
    pub fn commit_unseen(&mut self) -> Option<usize> {
        let done = self.with_other(|world, connection| world.commit_on(connection))?;
        if self.other_checkpoints {
            self.sync();
        }
        done
    }

    /// Somebody copies the log into the file, as far as that goes without waiting.
    pub fn checkpoint(&mut self, mode: &str) -> bool {
        let sql = format!("PRAGMA wal_checkpoint({mode})");
        let run = |connection: &Connection| connection.query_row(&sql, (), |row| row.get(0));
        let done = self.with_other(|_, connection| run(connection)) == Some(Ok(0));
        self.sync();
        done
    }

    /// All that was committed is on the disk now, as before an answer, or a checkpoint.
    pub fn sync(&mut self) {
        let read = |path: PathBuf| fs::read(path).unwrap_or_default();
        let log = self.directory.join("app.db-wal");
        self.synced = Some([read(self.database()), read(log)]);
    }

    /// The machine ends, and all that was committed since is lost.
    pub fn lose_power(&mut self) {
        let Some([file, log]) = self.synced.clone() else { return };
        (self.reader, self.ours, self.other) = (None, None, None);
        drop(fs::remove_file(self.directory.join("app.db-shm")));
        fs::write(self.database(), file).unwrap();
        fs::write(self.directory.join("app.db-wal"), log).unwrap();
    }

    pub fn vacuum(&mut self) -> bool {
        let sql = "VACUUM";
        let done = self.with_other(|_, connection| connection.execute_batch(sql).is_ok());
        if self.other_checkpoints {
            self.sync();
        }
        done == Some(true)
    }

    /// Somebody begins to read, or ends.
    pub fn read_on(&mut self) {
        let path = self.database();
        self.reader = match self.reader.take() {
            Some(_) => None,
            None => self.open(&path, 0),
        };
        if let Some(reader) = &self.reader {
            let begun = reader.execute_batch("BEGIN; SELECT count(*) FROM sqlite_schema");
            assert!(begun.is_ok(), "{begun:?}");
        }
    }

    /// Everybody goes; the last one copies the log into the file unless the shipper is there.
    pub fn close(&mut self) {
        (self.reader, self.ours, self.other) = (None, None, None);
        self.sync();
    }

    /// Another file gets the name: what was in the file at some time, or something new, and then
    /// something more.
    pub fn replace(&mut self) {
        let (path, kept) = (self.database(), self.directory.join("kept.db"));
        let next = self.directory.join("next.db");
        match self.dice.below(3) {
            0 if kept.exists() => drop(fs::copy(&kept, &next).unwrap()),
            1 => self.copy_to(&next),
            _ => {}
        }
        self.close();
        // Not in the middle of its life, whose states nobody will see.
        let before = self.history.len();
        if let Some(connection) = self.open(&next, 0) {
            self.commit_on(&connection).unwrap();
            connection.close().unwrap();
        }
        assert_eq!(self.history.len(), before + 1);
        for suffix in ["-wal", "-shm"] {
            drop(fs::remove_file(self.directory.join(format!("app.db{suffix}"))));
        }
        fs::rename(&next, &path).unwrap();
        self.sync();
    }

    /// Keeps what is in the file for [`Self::replace`].
    pub fn keep(&mut self) {
        let kept = self.directory.join("kept.db");
        drop(fs::remove_file(&kept));
        self.copy_to(&kept);
    }

    /// Something somebody else may do at any moment.
    pub fn meddle(&mut self) {
        match self.dice.below(40) {
            0..24 => drop(self.commit_unseen()),
            24..28 => drop(self.checkpoint("PASSIVE")),
            28..32 => drop(self.checkpoint("RESTART")),
            32..36 => drop(self.checkpoint("TRUNCATE")),
            36..39 => drop(self.vacuum()),
            _ => self.replace(),
        }
    }

    /// What is in the file, as another file.
    pub fn copy_to(&mut self, path: &Path) {
        let sql = format!("VACUUM INTO '{}'", path.display());
        self.with_other(|_, connection| connection.execute_batch(&sql));
    }

    fn with_other<T>(&mut self, work: impl FnOnce(&mut Self, &Connection) -> T) -> Option<T> {
        let path = self.database();
        if self.other.is_none() {
            let checkpoint = self.dice.pick(&[0, 0, 0, 7]);
            self.other_checkpoints = checkpoint > 0;
            self.other = self.open(&path, checkpoint);
        }
        let connection = self.other.take()?;
        let done = work(self, &connection);
        self.other = Some(connection);
        Some(done)
    }

    /// A connection that waits for nobody: there is but one thread.
    fn open(&mut self, path: &Path, checkpoint: u32) -> Option<Connection> {
        let connection = Connection::open(path).unwrap();
        connection.busy_timeout(Duration::ZERO).unwrap();
        let sql = format!(
            "PRAGMA page_size = {}; PRAGMA auto_vacuum = {}; PRAGMA journal_mode = WAL;
             PRAGMA synchronous = OFF; PRAGMA wal_autocheckpoint = {checkpoint}",
            self.page_size,
            u8::from(self.auto_vacuum)
        );
        // Whoever comes while the log is being started over is told to come again.
        connection.execute_batch(&sql).ok()?;
        Some(connection)
    }

    fn commit_on(&mut self, connection: &Connection) -> Option<usize> {
        connection.execute_batch("BEGIN IMMEDIATE").ok()?;
        let state = self.history.len();
        self.change(connection, state);
        if connection.execute_batch("COMMIT").is_err() {
            connection.execute_batch("ROLLBACK").unwrap();
            return None;
        }
        let (read_back, content) = read(connection).unwrap();
        assert_eq!(read_back, state);
        self.newest = Some(self.history.push(self.machine, content));
        self.newest
    }

    fn change(&mut self, connection: &Connection, state: usize) {
        let sql = "CREATE TABLE IF NOT EXISTS state(n INTEGER);
             CREATE TABLE IF NOT EXISTS note(id INTEGER PRIMARY KEY, body BLOB);
             DELETE FROM state";
        connection.execute_batch(sql).unwrap();
        connection.execute("INSERT INTO state VALUES (?1)", [state as i64]).unwrap();
        for _ in 0..=self.dice.below(3) {
            self.change_notes(connection);
        }
        if self.dice.one_in(12) {
            let index = "SELECT count(*) FROM sqlite_schema WHERE name = 'by_body'";
            let sql = match connection.query_row(index, (), |row| row.get(0)) {
                Ok(0) => "CREATE INDEX by_body ON note(body)",
                _ => "DROP INDEX by_body",
            };
            connection.execute_batch(sql).unwrap();
        }
    }

    fn change_notes(&mut self, connection: &Connection) {
        let (kind, which) = (self.dice.below(8), self.dice.below(20) as i64);
        let len = self.dice.below(u64::from(self.page_size) * 2) as usize;
        let body = self.dice.next().to_le_bytes().repeat(len / 8 + 1);
        let done = match kind {
            0..4 => connection.execute("REPLACE INTO note VALUES (?1, ?2)", (which, body)),
            4 => connection.execute("UPDATE note SET body = ?2 WHERE id > ?1", (which, &body[..8])),
            5 => connection.execute("DELETE FROM note WHERE id > ?1", [which]),
            // Pages that are added and freed again are in no frame.
            6 => connection.execute("INSERT INTO note VALUES (1000, zeroblob(?1))", [len as i64]),
            _ => connection.execute("DELETE FROM note WHERE id % 2 = ?1 % 2", [which]),
        };
        done.unwrap();
        connection.execute("DELETE FROM note WHERE id = 1000", ()).unwrap();
    }
}
