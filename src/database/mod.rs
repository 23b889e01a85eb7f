//! One served file: its connections, its writer queue, its schema snapshot, its plans, and its
//! shipper or follower.
//!
//! The two flows meet here: "a transaction was committed" ([`Database::committed`]) and "checkpoint
//! now", for which the shipper holds the writers ([`shipper::Hooks`]).

mod files;
mod gate;
mod keeper;
mod log_sync;

pub use files::{Error, Files, find};
pub use gate::{Gate, Left, Turn};
use keeper::Keeper;
pub use log_sync::LogSync;

/// How following goes.
pub use crate::replica::Status as Following;
/// How shipping goes.
pub use crate::shipper::Status as Shipping;
/// Whether a commit is in every destination.
pub use crate::shipper::Stored;
/// Why a restore point was not made.
pub use crate::shipper::points::Error as PointError;
/// How shipping to one destination goes.
pub use crate::shipper::{DestinationStatus as Destination, Stage};

use crate::replica::Follower;
use crate::schema::{self, Namespace, Schema};
use crate::shipper::{self, Shipper};
use crate::sqlite::{self, Connection, IdleConnection, OpenOptions};
use crate::{catalog, statement};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, RwLock};
use std::task::Waker;
use std::time::{Duration, Instant};

/// Connections kept open that no session uses.
const IDLE_CONNECTIONS_MAX: usize = 8;

/// How long the shipper waits for a transaction of a client's that writes. Files share the threads on
/// which they are looked at.
const SHIPPER_PATIENCE: Duration = Duration::from_millis(500);

/// How files are served.
#[derive(Clone, Copy, Debug, Default)]
pub struct Options {
    /// Nobody may write.
    pub read_only: bool,
    /// Commits are shipped.
    pub shipped: bool,
    /// The files follow a backup.
    pub follower: bool,
    /// They are shipped only.
    pub unserved: bool,
}

impl Options {
    fn for_opening(&self, replacements: u32) -> OpenOptions {
        OpenOptions { checkpoints_elsewhere: self.shipped || self.follower, replacements }
    }
}

/// One served file.
pub struct Database {
    name: String,
    path: PathBuf,
    relative: PathBuf,
    options: Options,
    idle: Mutex<Vec<IdleConnection>>,
    /// How many connections sessions have.
    taken: AtomicUsize,
    keeper: Arc<Keeper>,
    gate: Arc<Gate>,
    schema: RwLock<Arc<Schema>>,
    plans: statement::Cache,
    shipper: OnceLock<Arc<Shipper>>,
    follower: OnceLock<Arc<Follower>>,
}

impl std::fmt::Debug for Database {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Database").field("name", &self.name).field("path", &self.path).finish()
    }
}

impl Database {
    /// Opens a file; `relative` is its path in the directory that is served.
    fn open(
        name: &str,
        path: &Path,
        relative: &Path,
        options: &Options,
    ) -> Result<Self, sqlite::Error> {
        let keeper = Keeper::open(path, options)?;
        Ok(Self {
            name: name.to_owned(),
            path: path.to_owned(),
            relative: relative.to_owned(),
            options: *options,
            idle: Mutex::default(),
            taken: AtomicUsize::new(0),
            keeper: Arc::new(keeper),
            gate: Arc::default(),
            schema: RwLock::new(Arc::new(Schema::new(u64::MAX, Vec::new()))),
            plans: statement::Cache::default(),
            shipper: OnceLock::new(),
            follower: OnceLock::new(),
        })
    }

    /// The name clients connect to.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The file.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The file's path in the directory that is served.
    #[must_use]
    pub fn relative(&self) -> &Path {
        &self.relative
    }

    /// The file of this device and inode is open as this database, whatever its name is by now.
    #[must_use]
    pub fn keeps(&self, identity: (u64, u64)) -> bool {
        self.keeper.keeps(identity)
    }

    /// Nobody may write, whoever it is.
    #[must_use]
    pub fn is_read_only(&self) -> bool {
        self.options.read_only || self.options.follower
    }

    /// The file follows a backup: `pg_is_in_recovery()`.
    #[must_use]
    pub fn is_follower(&self) -> bool {
        self.options.follower
    }

    /// A connection for a session, from the pool or new: to the file that has the name now.
    ///
    /// # Errors
    /// The file cannot be opened.
    pub fn take(&self) -> Result<Connection, sqlite::Error> {
        let connection = self.idle_or_new()?;
        self.taken.fetch_add(1, Ordering::Relaxed);
        Ok(connection)
    }

    /// Sessions have so many connections that they should share them: none keeps one that it does
    /// not use.
    #[must_use]
    pub fn is_crowded(&self) -> bool {
        self.taken.load(Ordering::Relaxed) > IDLE_CONNECTIONS_MAX
    }

    fn idle_or_new(&self) -> Result<Connection, sqlite::Error> {
        while let Some(idle) = self.idle_one() {
            if !idle.has_moved() {
                return Ok(idle.take());
            }
        }
        loop {
            self.keeper.renew()?;
            let connection = open(&self.path, &self.options, self.keeper.replacements())?;
            // Seen after the opening, so that both are of one file.
            if !self.keeper.has_moved() {
                return Ok(connection);
            }
        }
    }

    fn idle_one(&self) -> Option<IdleConnection> {
        self.lock_idle().pop()
    }

    /// Takes a connection back that is in no transaction and belongs to nobody.
    pub fn give_back(&self, connection: Connection) {
        self.taken.fetch_sub(1, Ordering::Relaxed);
        connection.slot().set(None);
        if let Ok(connection) = connection.idle() {
            let mut idle = self.lock_idle();
            if idle.len() < IDLE_CONNECTIONS_MAX {
                idle.push(connection);
            }
        }
    }

    /// Closes a connection that nobody else shall have.
    pub fn discard(&self, connection: Connection) {
        self.taken.fetch_sub(1, Ordering::Relaxed);
        drop(connection);
    }

    fn lock_idle(&self) -> MutexGuard<'_, Vec<IdleConnection>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The writer queue.
    #[must_use]
    pub fn gate(&self) -> &Arc<Gate> {
        &self.gate
    }

    /// How commits become durable together.
    #[must_use]
    pub fn log_sync(&self) -> &LogSync {
        self.keeper.log_sync()
    }

    /// The commit of this number, and all before it, are durable; or become so now, with `before`
    /// called first. False if somebody else is at it: `waker` is woken when that may have changed.
    ///
    /// # Errors
    /// The log cannot be synced: the commit stands, but a crash of the machine may undo it.
    pub fn make_durable(
        &self,
        commit: u64,
        waker: &Waker,
        before: impl FnOnce(),
    ) -> Result<bool, sqlite::Error> {
        self.keeper.make_durable(commit, waker, before)
    }

    /// Translations of statements.
    #[must_use]
    pub fn plans(&self) -> &statement::Cache {
        &self.plans
    }

    /// The schema as the connection sees it now.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn schema(&self, connection: &Connection) -> Result<Arc<Schema>, sqlite::Error> {
        let version = connection.schema_version()?;
        let known = Arc::clone(&self.schema.read().unwrap_or_else(PoisonError::into_inner));
        if known.version == version {
            return Ok(known);
        }
        let mut loaded = schema::load(&mut &*connection, Namespace::Public)?;
        loaded.version = connection.version_of(loaded.version);
        let loaded = loaded.with_oids_of(&known);
        let loaded = Arc::new(
            loaded.with_view_types(|schema, query| statement::column_types(query, schema)),
        );
        *self.schema.write().unwrap_or_else(PoisonError::into_inner) = Arc::clone(&loaded);
        Ok(loaded)
    }

    /// The schema as it was when it was last looked at.
    #[must_use]
    pub fn last_schema(&self) -> Arc<Schema> {
        Arc::clone(&self.schema.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// A transaction was committed by whoever has the turn to write, and still has it.
    pub fn committed(&self) {
        if let Some(shipper) = self.shipper.get() {
            shipper.committed();
        }
    }

    /// Ships every commit from now on.
    ///
    /// # Errors
    /// The local log cannot be made.
    pub fn ship(
        &self,
        destinations: Vec<shipper::Destination>,
        options: shipper::Options,
        runtime: &tokio::runtime::Handle,
    ) -> Result<(), shipper::Error> {
        let (gate, keeper) = (Arc::clone(&self.gate), Arc::clone(&self.keeper));
        let hooks = Arc::new(ForShipper { gate, keeper });
        let shipper = Shipper::start(&self.path, destinations, options, hooks, runtime)?;
        // A second one would be a mistake of the caller's: the first stays.
        drop(self.shipper.set(shipper));
        Ok(())
    }

    /// The shipper, if commits are shipped.
    #[must_use]
    pub fn shipper(&self) -> Option<&Arc<Shipper>> {
        self.shipper.get()
    }

    /// What keeps the file up with a backup.
    pub fn set_follower(&self, follower: Arc<Follower>) {
        drop(self.follower.set(follower));
    }

    /// The follower, if there is one.
    #[must_use]
    pub fn follower(&self) -> Option<&Arc<Follower>> {
        self.follower.get()
    }
}

fn open(path: &Path, options: &Options, replacements: u32) -> Result<Connection, sqlite::Error> {
    let connection = Connection::open(path, options.for_opening(replacements))?;
    catalog::register_functions(&connection)?;
    connection.settle();
    Ok(connection)
}

/// What the shipper may do with a file that is served.
struct ForShipper {
    gate: Arc<Gate>,
    keeper: Arc<Keeper>,
}

impl shipper::Hooks for ForShipper {
    fn hold_writers(&self) -> Option<Box<dyn shipper::Guard + '_>> {
        let turn =
            self.gate.enter(Some(Instant::now() + SHIPPER_PATIENCE), || false, || {}).ok()?;
        Some(Box::new(turn))
    }

    fn is_writing(&self) -> bool {
        self.gate.is_taken()
    }

    fn replaced(&self) {
        if let Err(error) = self.keeper.renew() {
            tracing::debug!(%error, "the file was replaced");
        }
    }

    fn taken(&self) {
        self.keeper.sync_log();
    }
}
