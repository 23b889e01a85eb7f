//! A database, a store, and ways to compare what is in them.
#![expect(clippy::print_stderr, reason = "says what was left out")]
#![expect(unreachable_pub, reason = "for the tests beside it")]

use egret::ltx::{Name, Txid};
use egret::shipper::restore::{self, Restored, Target};
use egret::shipper::{Alone, Destination, Ladder, Options, Shipper};
use egret::store::{FileStore, Replica, Store};
use rusqlite::Connection;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tempfile::TempDir;
use tokio::runtime::Runtime;

/// How long anything may take.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// One database and one store in a directory of their own.
pub struct Ground {
    pub directory: TempDir,
    pub runtime: Runtime,
}

impl Ground {
    pub fn new() -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .unwrap();
        Self { directory: TempDir::new().unwrap(), runtime }
    }

    /// All that is here, in another place.
    pub fn copy(&self) -> Self {
        let (to, all) = (Self::new(), self.directory.path().join("."));
        let copied = Command::new("cp").arg("-a").args([&*all, to.directory.path()]).status();
        assert!(copied.unwrap().success());
        to
    }

    pub fn database(&self) -> PathBuf {
        self.directory.path().join("app.db")
    }

    pub fn state(&self) -> PathBuf {
        self.directory.path().join(".app.db-egret")
    }

    pub fn store(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    pub fn replica(&self, name: &str) -> Replica {
        let store: Arc<dyn Store> = Arc::new(FileStore::new(&self.store(name)));
        Replica::new(store, "")
    }

    /// Where the store has a transaction.
    pub fn object(&self, txid: Txid) -> PathBuf {
        self.store("store").join(self.replica("store").ltx_key(0, Name::single(txid)))
    }

    /// A connection as an application has it, with SQLite's own checkpoints off.
    pub fn connect(&self) -> Connection {
        let connection = Connection::open(self.database()).unwrap();
        connection.busy_timeout(Duration::from_secs(20)).unwrap();
        connection
            .execute_batch("PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; PRAGMA wal_autocheckpoint = 0")
            .unwrap();
        connection
    }

    /// Accounts whose balances always add up to nothing.
    pub fn with_accounts(self, page_size: u32) -> Self {
        let connection = Connection::open(self.database()).unwrap();
        connection.pragma_update(None, "page_size", page_size).unwrap();
        connection
            .execute_batch(
                "PRAGMA journal_mode = WAL;
                 CREATE TABLE accounts (id INTEGER PRIMARY KEY, balance INTEGER NOT NULL);
                 CREATE TABLE entries (id INTEGER PRIMARY KEY, note TEXT);
                 WITH RECURSIVE s(v) AS (SELECT 1 UNION ALL SELECT v + 1 FROM s WHERE v < 100)
                 INSERT INTO accounts SELECT v, 0 FROM s;",
            )
            .unwrap();
        self
    }

    pub fn start(&self) -> Arc<Shipper> {
        self.start_with(&["store"], options())
    }

    pub fn start_with(&self, stores: &[&str], options: Options) -> Arc<Shipper> {
        let destination = |name: &&str| Destination::new(*name, self.replica(name));
        let destinations = stores.iter().map(destination).collect();
        self.start_to(destinations, options)
    }

    pub fn start_to(&self, destinations: Vec<Destination>, options: Options) -> Arc<Shipper> {
        let handle = self.runtime.handle();
        Shipper::start(&self.database(), destinations, options, Arc::new(Alone), handle).unwrap()
    }

    /// Restores a moment and returns the path.
    pub fn restore(&self, store: &str, target: Target) -> PathBuf {
        let output = self.directory.path().join("restored.db");
        self.restore_to(store, target, &output);
        output
    }

    /// Restores a moment in the place of a file that nobody has open.
    pub fn restore_to(&self, store: &str, target: Target, output: &Path) {
        self.try_restore_to(store, target, output).unwrap();
    }

    pub fn try_restore_to(
        &self,
        store: &str,
        target: Target,
        output: &Path,
    ) -> Result<Restored, restore::Error> {
        let options = restore::Options { target, force: true, ..restore::Options::default() };
        let replica = self.replica(store);
        let restored = restore::restore(&replica, output, &options, Arc::new(|_| ()));
        self.runtime.block_on(restored)
    }

    /// What is in the store is what is in the database.
    pub fn assert_stored(&self, shipper: &Shipper) {
        wait_stored(shipper);
        self.assert_restores("store");
    }

    pub fn assert_restores(&self, store: &str) {
        let source = content(&self.database());
        assert!(source == content(&self.restore(store, Target::Latest)), "restored differs");
        if let Some(output) = self.litestream(store, &[]) {
            assert!(source == content(&output), "restored by litestream differs");
        }
    }

    /// Every moment the store has is one that was committed.
    pub fn assert_every_moment_adds_up(&self, from: Txid, to: Txid) {
        for txid in from.0..=to.0 {
            let path = self.restore("store", Target::Txid(Txid(txid)));
            let connection = Connection::open(path).unwrap();
            let sql = "SELECT sum(balance), count(*) FROM accounts";
            let row: (i64, i64) =
                connection.query_row(sql, (), |row| Ok((row.get(0)?, row.get(1)?))).unwrap();
            assert_eq!(row, (0, 100), "transaction {txid}");
        }
    }

    /// What Litestream restores, if it is there.
    pub fn litestream(&self, store: &str, options: &[&str]) -> Option<PathBuf> {
        let output = self.directory.path().join("litestream.db");
        for suffix in ["", "-wal", "-shm"] {
            let _gone =
                std::fs::remove_file(self.directory.path().join(format!("litestream.db{suffix}")));
        }
        let url = format!("file://{}", self.store(store).display());
        let mut command = Command::new("litestream");
        command.arg("restore").args(options).arg("-o").arg(&output).arg(url);
        let run = command.output().ok()?;
        assert!(run.status.success(), "{}", String::from_utf8_lossy(&run.stderr));
        Some(output)
    }
}

/// Options that make tests quick.
pub fn options() -> Options {
    Options {
        sync_interval: Duration::from_millis(20),
        poll_interval: Duration::from_millis(500),
        checkpoint_pages: 100,
        // Where nothing is said of it there is nothing but what is shipped.
        ladder: Ladder { levels: Vec::new(), ..Ladder::default() },
        ..Options::default()
    }
}

/// Moves money and notes it, `count` times, each in a transaction.
pub fn transfer(connection: &Connection, count: usize) {
    let note = "x".repeat(300);
    for i in 0..count {
        connection
            .execute_batch(&format!(
                "BEGIN IMMEDIATE;
                 UPDATE accounts SET balance = balance - {i} WHERE id = {};
                 UPDATE accounts SET balance = balance + {i} WHERE id = {};
                 INSERT INTO entries(note) VALUES ('{note}');
                 COMMIT",
                i % 100 + 1,
                (i * 7 + 3) % 100 + 1
            ))
            .unwrap();
    }
}

/// Everything in a database, as text, after a check of its structure.
pub fn content(path: &Path) -> String {
    let connection = Connection::open(path).unwrap();
    let check: String = connection.query_row("PRAGMA integrity_check", (), |r| r.get(0)).unwrap();
    assert_eq!(check, "ok", "{}", path.display());
    let mut text = String::new();
    let schema = rows(&connection, "SELECT type, name, tbl_name, sql FROM sqlite_schema");
    writeln!(text, "{schema}").unwrap();
    let sql = "SELECT name FROM sqlite_schema WHERE type = 'table'";
    let mut statement = connection.prepare(sql).unwrap();
    let tables = statement.query_map((), |row| row.get::<_, String>(0)).unwrap();
    for table in tables.map(Result::unwrap) {
        writeln!(text, "{}", rows(&connection, &format!("SELECT * FROM \"{table}\""))).unwrap();
    }
    text
}

fn rows(connection: &Connection, sql: &str) -> String {
    let mut statement = connection.prepare(sql).unwrap();
    let columns = statement.column_count();
    let mut rows = statement.query(()).unwrap();
    let mut text = String::new();
    while let Some(row) = rows.next().unwrap() {
        for column in 0..columns {
            write!(text, "{:?}|", row.get_ref(column).unwrap()).unwrap();
        }
        text.push('\n');
    }
    text
}

/// A process of another program that works on the same file.
pub fn python(script: &str, arguments: &[&str]) -> Option<Child> {
    let mut command = Command::new("python3");
    command.arg("-c").arg(script).args(arguments).stdin(Stdio::null());
    match command.spawn() {
        Ok(child) => Some(child),
        Err(error) => {
            eprintln!("left out: python3: {error}");
            None
        }
    }
}

/// Waits until every store has what was committed.
pub fn wait_stored(shipper: &Shipper) {
    shipper.wait_stored(&[], Some(Instant::now() + PATIENCE)).unwrap();
}

/// Waits until something holds.
pub fn eventually(what: &str, mut holds: impl FnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !holds() {
        assert!(Instant::now() < deadline, "never: {what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}
