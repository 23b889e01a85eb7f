//! A connection to one file, for one session at a time.

use super::authorize::{CurrentRole, Role, authorize};
use super::busy::Patience;
use super::handle::{SMALL_MEMORY, has_moved, set_small_memory};
use super::statement::{RawStatement, Statement, Step};
use super::{Error, HostSlot};
use crate::types::Value;
use rusqlite::config::DbConfig;
use rusqlite::{InterruptHandle, OpenFlags, ffi};
use std::cell::{Cell, RefCell};
use std::collections::{HashMap, HashSet};
use std::ffi::CStr;
use std::path::Path;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How often a reader looks whether the file is still in its place.
const LOOK_INTERVAL: Duration = Duration::from_secs(1);

/// Statements a connection keeps prepared.
const CACHED_STATEMENTS_MAX: usize = 64;

/// A commit that makes the log longer copies it into the file, which syncs both, while other writers
/// wait. More than SQLite's own 1000: a page that was written again meanwhile is copied once. Not more
/// than one block of the log's index: a reader looks for a page in each block.
/// <https://www.sqlite.org/walformat.html#the_wal_index_file_format>
const CHECKPOINT_PAGES: u32 = 4000;

/// How a file is opened.
#[derive(Clone, Copy, Debug, Default)]
pub struct OpenOptions {
    /// Somebody else decides when to checkpoint: no automatic one, none on close.
    pub checkpoints_elsewhere: bool,
    /// How often the file has been replaced by another: [`Connection::schema_version`] counts it.
    pub replacements: u32,
}

/// A connection to one file. Clones share it.
#[derive(Clone)]
pub struct Connection {
    shared: Rc<Shared>,
}

/// A connection that no statement is using: it may go to another thread.
pub struct IdleConnection {
    shared: Rc<Shared>,
}

// SAFETY: an idle connection is the only owner of its `Shared` (checked by `Connection::idle`), so
// every `Rc`, cell and raw statement in it moves together; SQLite itself lets a connection move
// between threads that use it one at a time (https://www.sqlite.org/threadsafe.html).
unsafe impl Send for IdleConnection {}

impl IdleConnection {
    /// Takes it into use on this thread.
    #[must_use]
    pub fn take(self) -> Connection {
        Connection { shared: self.shared }
    }

    /// As [`Connection::has_moved`].
    #[must_use]
    pub fn has_moved(&self) -> bool {
        self.shared.has_moved()
    }
}

/// What statements share with their connection.
pub(super) struct Shared {
    /// Prepared for the client's role.
    cache: RefCell<StatementCache>,
    /// Prepared for egret itself: kept apart, since the authorizer is asked only at preparing.
    system_cache: RefCell<StatementCache>,
    role: CurrentRole,
    slot: Arc<HostSlot>,
    /// Names of the virtual tables made in Rust.
    tables: RefCell<HashSet<&'static str>>,
    patience: Box<Patience>,
    synchronous: Cell<Synchronous>,
    /// The file is in WAL mode, and stays so as long as the connection is open.
    logs: Cell<bool>,
    replacements: u32,
    /// When it was last looked whether the file is where it was.
    seen_in_place: Cell<Instant>,
    // Last, so that it closes after the cached statements are finalized.
    raw: rusqlite::Connection,
}

/// How durable a commit is, in the words of `PRAGMA synchronous`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Synchronous {
    /// A commit may be lost when the machine dies, never the file's consistency.
    Normal,
    /// A commit is on disk when it is over; in WAL mode after [`super::Hold::sync_log`] only.
    Full,
}

impl Connection {
    /// Opens a file for a client's statements. Nothing is read from it yet, so nothing is waited for.
    ///
    /// # Errors
    /// `SQLITE_CANTOPEN`, `SQLITE_NOMEM`
    pub fn open(path: &Path, options: OpenOptions) -> Result<Self, Error> {
        let raw = rusqlite::Connection::open_with_flags(
            path,
            OpenFlags::SQLITE_OPEN_READ_WRITE
                | OpenFlags::SQLITE_OPEN_NO_MUTEX
                | OpenFlags::SQLITE_OPEN_NOFOLLOW,
        )?;
        Self::prepare_for_clients(raw, options)
    }

    /// An empty database in memory, with everything a served file's connection has.
    ///
    /// # Errors
    /// `SQLITE_NOMEM`
    pub fn open_in_memory() -> Result<Self, Error> {
        let raw = rusqlite::Connection::open_in_memory()?;
        Self::prepare_for_clients(raw, OpenOptions::default())
    }

    fn prepare_for_clients(
        mut raw: rusqlite::Connection,
        options: OpenOptions,
    ) -> Result<Self, Error> {
        set_small_memory(&raw, 0);
        raw.set_db_config(DbConfig::SQLITE_DBCONFIG_DEFENSIVE, true)?;
        raw.set_db_config(DbConfig::SQLITE_DBCONFIG_TRUSTED_SCHEMA, false)?;
        raw.set_db_config(DbConfig::SQLITE_DBCONFIG_DQS_DML, false)?;
        // A statement is planned once, whatever is bound to it: one that is prepared again means
        // that the schema has changed.
        raw.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
        if options.checkpoints_elsewhere {
            raw.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)?;
            raw.query_row("PRAGMA wal_autocheckpoint = 0", (), |_| Ok(()))?;
        } else {
            let sql = format!("PRAGMA wal_autocheckpoint = {CHECKPOINT_PAGES}");
            raw.query_row(&sql, (), |_| Ok(()))?;
        }
        // What sorts and temporary tables need goes to files when it is much: in memory it would have
        // no bound, and one sort of all of it could not be stopped.
        raw.execute_batch("PRAGMA temp_store = FILE")?;
        let slot = Arc::new(HostSlot::default());
        let role = CurrentRole::new(Role::System);
        let asked = role.clone();
        raw.authorizer(Some(move |context: rusqlite::hooks::AuthContext<'_>| {
            authorize(asked.role(), &context)
        }))?;
        super::function::register(&raw, &slot)?;
        let patience = Patience::install(&raw);
        let shared = Shared {
            cache: RefCell::default(),
            system_cache: RefCell::default(),
            role,
            slot,
            tables: RefCell::default(),
            patience,
            // SQLite's own default; to set it would mean to read the file.
            synchronous: Cell::new(Synchronous::Full),
            logs: Cell::new(false),
            replacements: options.replacements,
            seen_in_place: Cell::new(Instant::now()),
            raw,
        };
        Ok(Self { shared: Rc::new(shared) })
    }

    /// All functions are there: from now on small, short-lived memory comes from a pool of the
    /// connection's own. Before, what lives as long as the connection would have used it up.
    pub fn settle(&self) {
        set_small_memory(&self.shared.raw, SMALL_MEMORY);
    }

    /// Gives the connection up, unless a statement still uses it.
    ///
    /// # Errors
    /// The connection itself, when statements or clones of it are alive.
    pub fn idle(self) -> Result<IdleConnection, Self> {
        if Rc::strong_count(&self.shared) == 1 && self.is_autocommit() {
            Ok(IdleConnection { shared: self.shared })
        } else {
            Err(self)
        }
    }

    /// A statement for `sql`, from the cache if it was prepared before.
    ///
    /// # Errors
    /// What SQLite says of the text; `SQLITE_AUTH` when the role may not do it.
    pub fn prepare(&self, sql: &str) -> Result<Statement, Error> {
        let shared = Rc::clone(&self.shared);
        let role = shared.role.role();
        let cached = shared.cache_of(role).borrow_mut().take(sql);
        let (text, raw, reused) = match cached {
            Some((text, raw)) => (text, raw, true),
            None => (sql.into(), RawStatement::prepare(&shared, sql)?, false),
        };
        Ok(Statement::new(shared, raw, text, role, reused))
    }

    /// Runs one statement to its end, leaving out any rows.
    ///
    /// # Errors
    /// As [`Self::prepare`] and [`Statement::step`].
    pub fn execute(&self, sql: &str) -> Result<(), Error> {
        let mut statement = self.prepare(sql)?;
        while statement.step()? == Step::Row {}
        Ok(())
    }

    /// Runs something as egret itself, whatever role the connection has.
    ///
    /// # Errors
    /// Those of `work`.
    pub fn as_system<T>(&self, work: impl FnOnce(&Self) -> Result<T, Error>) -> Result<T, Error> {
        let role = self.shared.role.role();
        self.shared.role.set(Role::System);
        let result = work(self);
        self.shared.role.set(role);
        result
    }

    /// Runs something while a table may be dropped and renamed without a change anywhere else: no
    /// row that refers to it is deleted, no definition that names it follows its name.
    pub(super) fn without_references<T>(
        &self,
        work: impl FnOnce() -> Result<T, Error>,
    ) -> Result<T, Error> {
        let raw = &self.shared.raw;
        let keys = raw.db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_FKEY)?;
        raw.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_FKEY, false)?;
        raw.set_db_config(DbConfig::SQLITE_DBCONFIG_LEGACY_ALTER_TABLE, true)?;
        let result = work();
        raw.set_db_config(DbConfig::SQLITE_DBCONFIG_LEGACY_ALTER_TABLE, false)?;
        raw.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_FKEY, keys)?;
        result
    }

    /// Runs a BEGIN, waiting for others as ever: SQLite itself does not wait in a connection that
    /// reads, since in some journal modes the others may wait for the reader.
    ///
    /// # Errors
    /// As [`Self::prepare`] and [`Statement::step`].
    pub fn begin(&self, sql: &str) -> Result<(), Error> {
        let mut tries = 0;
        loop {
            match self.execute(sql) {
                Err(Error::Engine { code: ffi::SQLITE_BUSY, .. })
                    if self.is_reading() && self.shared.patience.pause(tries) =>
                {
                    tries += 1;
                }
                done => return done,
            }
        }
    }

    fn is_reading(&self) -> bool {
        // SAFETY: the handle is live, and the name a C string.
        let state = unsafe { ffi::sqlite3_txn_state(self.shared.handle(), c"main".as_ptr()) };
        state == ffi::SQLITE_TXN_READ
    }

    /// Statements that are not over keep every writer from its commit: the file is not in WAL mode.
    #[must_use]
    pub fn keeps_writers_out(&self) -> bool {
        self.is_reading() && self.logs().is_ok_and(|logs| !logs)
    }

    /// The file is in WAL mode: a commit is appended to the log, and durable after
    /// [`super::Hold::sync_log`]. No other process can end that mode while the connection is open.
    ///
    /// # Errors
    /// As [`Self::schema_version`].
    pub fn logs(&self) -> Result<bool, Error> {
        if !self.shared.logs.get() {
            let mode = self.as_system(|c| c.rows("PRAGMA main.journal_mode", &[]))?;
            self.shared.logs.set(mode == [[Value::Text("wal".into())]]);
        }
        Ok(self.shared.logs.get())
    }

    /// All rows of a query.
    ///
    /// # Errors
    /// As [`Self::prepare`] and [`Statement::step`].
    pub fn rows(&self, sql: &str, parameters: &[Value]) -> Result<Vec<Vec<Value>>, Error> {
        let mut statement = self.prepare(sql)?;
        statement.bind_all(parameters)?;
        let mut rows = Vec::new();
        while statement.step()? == Step::Row {
            let row = (0..statement.column_count()).map(|i| statement.value(i).to_owned());
            rows.push(row.collect());
        }
        Ok(rows)
    }

    /// Sets in whose name statements are prepared from now on. Statements prepared for another role
    /// are forgotten, since the authorizer is asked only when a statement is prepared.
    ///
    /// # Errors
    /// `SQLITE_NOMEM`
    pub fn set_role(&self, role: Role) -> Result<(), Error> {
        if self.shared.role.role() != role {
            self.shared.cache.borrow_mut().clear();
            let query_only = if role == Role::Reader {
                "PRAGMA query_only = 1"
            } else {
                "PRAGMA query_only = 0"
            };
            self.as_system(|connection| connection.execute(query_only))?;
            self.shared.role.set(role);
        }
        Ok(())
    }

    /// How durable commits are from now on; outside a transaction only. In WAL mode SQLite itself
    /// syncs none.
    ///
    /// # Errors
    /// Those of the pragma, and as [`Self::schema_version`].
    pub fn set_synchronous(&self, synchronous: Synchronous) -> Result<(), Error> {
        let synchronous = if self.logs()? { Synchronous::Normal } else { synchronous };
        if self.shared.synchronous.get() == synchronous {
            return Ok(());
        }
        let sql = match synchronous {
            Synchronous::Normal => "PRAGMA synchronous = NORMAL",
            Synchronous::Full => "PRAGMA synchronous = FULL",
        };
        self.as_system(|connection| connection.execute(sql))?;
        self.shared.synchronous.set(synchronous);
        Ok(())
    }

    /// What tells schemas of the file apart: SQLite's schema cookie of the main database, and in the
    /// upper half which file it is of those that had its name one after another.
    ///
    /// # Errors
    /// `SQLITE_BUSY`, `SQLITE_CORRUPT`, `SQLITE_NOTADB` ...
    pub fn schema_version(&self) -> Result<u64, Error> {
        self.as_system(|connection| {
            let mut statement = connection.prepare("PRAGMA main.schema_version")?;
            statement.step()?;
            let cookie = statement.value(0).to_owned();
            let cookie = if let Value::Integer(v) = cookie { u64::try_from(v).ok() } else { None };
            Ok(self.version_of(cookie.unwrap_or(0)))
        })
    }

    /// [`Self::schema_version`] at this cookie.
    #[must_use]
    pub fn version_of(&self, cookie: u64) -> u64 {
        u64::from(self.shared.replacements) << 32 | cookie
    }

    /// The file's name leads to another file by now, or to none.
    #[must_use]
    pub fn has_moved(&self) -> bool {
        self.shared.has_moved()
    }

    /// The same, when it was not looked for a second.
    #[must_use]
    pub fn has_moved_meanwhile(&self) -> bool {
        self.shared.seen_in_place.get().elapsed() >= LOOK_INTERVAL && self.has_moved()
    }

    /// Rows changed by the last INSERT, UPDATE or DELETE.
    #[must_use]
    pub fn changes(&self) -> u64 {
        self.shared.raw.changes()
    }

    /// The rowid inserted last on this connection since [`Self::forget_rowid`]; 0 for none.
    #[must_use]
    pub fn last_rowid(&self) -> i64 {
        self.shared.raw.last_insert_rowid()
    }

    /// No rowid was inserted, see [`Self::last_rowid`].
    pub fn forget_rowid(&self) {
        // SAFETY: the handle is that of a live connection, which this thread uses.
        unsafe { ffi::sqlite3_set_last_insert_rowid(self.shared.raw.handle(), 0) }
    }

    /// No transaction is open.
    #[must_use]
    pub fn is_autocommit(&self) -> bool {
        self.shared.raw.is_autocommit()
    }

    /// Stops what runs on this connection; may be called from any thread.
    #[must_use]
    pub fn interrupt_handle(&self) -> InterruptHandle {
        self.shared.raw.get_interrupt_handle()
    }

    /// Where functions find their session.
    #[must_use]
    pub fn slot(&self) -> &Arc<HostSlot> {
        &self.shared.slot
    }

    /// How the connection waits for locks of others.
    #[must_use]
    pub fn patience(&self) -> &Patience {
        &self.shared.patience
    }

    /// Makes a table of rows made in Rust readable under this name, unless it is already.
    ///
    /// # Errors
    /// SQLite's, when it cannot take a virtual table.
    pub fn add_table(
        &self,
        name: &'static str,
        source: Arc<dyn super::table::Source>,
    ) -> Result<bool, Error> {
        let new = self.shared.tables.borrow_mut().insert(name);
        if new {
            super::table::register(&self.shared.raw, &self.shared.slot, name, source)?;
        }
        Ok(new)
    }

    /// Adds functions to those of [`super::function`].
    ///
    /// # Errors
    /// SQLite's, when it cannot take a function.
    pub fn add_functions(
        &self,
        functions: &'static [super::function::Function],
    ) -> Result<(), Error> {
        super::function::add(&self.shared.raw, &self.shared.slot, functions)?;
        Ok(())
    }

    /// Adds functions that ask the database itself.
    ///
    /// # Errors
    /// SQLite's, when it cannot take a function.
    pub fn add_asking(&self, functions: &'static [super::function::Asking]) -> Result<(), Error> {
        super::function::add_asking(&self.shared.raw, &self.shared.slot, functions)?;
        Ok(())
    }
}

impl Shared {
    fn has_moved(&self) -> bool {
        self.seen_in_place.set(Instant::now());
        has_moved(&self.raw)
    }

    pub(super) fn handle(&self) -> *mut ffi::sqlite3 {
        // SAFETY: the handle is used only while `self`, which owns it, is alive.
        unsafe { self.raw.handle() }
    }

    /// The error behind `code`: a function's own if one was left, otherwise SQLite's.
    pub(super) fn error(&self, code: i32) -> Error {
        if let Some(error) = self.slot.take_error() {
            return error.into();
        }
        let db = self.handle();
        // SAFETY: `db` is live; the message is copied before the next call.
        let (code, message, offset) = unsafe {
            let extended = ffi::sqlite3_extended_errcode(db);
            let code = if extended & 0xff == code & 0xff { extended } else { code };
            let message = CStr::from_ptr(ffi::sqlite3_errmsg(db)).to_string_lossy().into_owned();
            (code, message, usize::try_from(ffi::sqlite3_error_offset(db)).ok())
        };
        Error::engine(code, message, offset)
    }

    fn cache_of(&self, role: Role) -> &RefCell<StatementCache> {
        if role == Role::System { &self.system_cache } else { &self.cache }
    }

    pub(super) fn recycle(&self, sql: Box<str>, role: Role, raw: RawStatement) {
        // SAFETY: `raw` is a live statement of this connection that nobody else holds.
        unsafe {
            ffi::sqlite3_reset(raw.0.as_ptr());
            ffi::sqlite3_clear_bindings(raw.0.as_ptr());
        }
        self.cache_of(role).borrow_mut().put(sql, raw);
    }
}

/// Prepared statements that nobody uses at the moment.
#[derive(Default)]
struct StatementCache {
    statements: HashMap<Box<str>, (RawStatement, u64)>,
    puts: u64,
}

impl StatementCache {
    fn take(&mut self, sql: &str) -> Option<(Box<str>, RawStatement)> {
        self.statements.remove_entry(sql).map(|(sql, (raw, _))| (sql, raw))
    }

    fn put(&mut self, sql: Box<str>, raw: RawStatement) {
        self.puts += 1;
        if let Some((raw, _)) = self.statements.insert(sql, (raw, self.puts)) {
            raw.finalize();
        }
        if self.statements.len() > CACHED_STATEMENTS_MAX {
            self.evict();
        }
    }

    fn evict(&mut self) {
        let oldest = self.statements.iter().min_by_key(|(_, (_, put))| *put);
        if let Some(sql) = oldest.map(|(sql, _)| sql.clone())
            && let Some((_, raw)) = self.take(&sql)
        {
            raw.finalize();
        }
    }

    fn clear(&mut self) {
        for (_, (raw, _)) in self.statements.drain() {
            raw.finalize();
        }
    }
}

impl Drop for StatementCache {
    fn drop(&mut self) {
        self.clear();
    }
}
