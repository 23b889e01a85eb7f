//! Follows a replica: keeps a local SQLite file at the newest state of a store.
//!
//! What enters: the LTX files of a replica. What leaves: an ordinary SQLite file, in which each set
//! of pages appears in one transaction, so that readers of this process and of others keep their
//! snapshot and never see half of one; and how far the file is ([`Follower::status`]).
//!
//! The position is written to `.<file>-egret/position` after the pages are on disk. A crash between
//! the two makes the last transaction be written once more, which changes nothing. In between two
//! transactions one request asks for the next file by its name; listings happen only when that has
//! not been there for long.
//!
//! Nothing is applied to a file that is not what the store made it: if somebody else wrote to it,
//! or the store holds another history than the one it came from (`landmark`), the file is
//! made anew, in one transaction, from all that the store has.

mod apply;
mod landmark;
mod position;
mod stepped;
mod worker;

pub use stepped::Stepped;

use crate::ltx::{self, Txid};
use crate::shipper::{plan, restore};
use crate::store::{self, Replica};
use crate::{shipper, sqlite};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};
use tokio::runtime::Handle;
use tokio::sync::watch;

/// What is followed.
#[derive(Clone, Debug)]
pub struct Source {
    /// What it is called where the position is kept: its URL.
    pub name: String,
    /// Where it is.
    pub replica: Replica,
}

/// How a replica is followed.
#[derive(Clone, Debug)]
pub struct Options {
    /// How often the store is asked for the next transaction.
    pub interval: Duration,
    /// How often it is asked what comes later, in case the next transaction has no file of its own.
    pub list_interval: Duration,
    /// Overwrite a file that was not made by following.
    pub take_over: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            interval: Duration::from_secs(1),
            list_interval: Duration::from_secs(10),
            take_over: false,
        }
    }
}

/// How following goes.
#[derive(Clone, Debug, Default)]
pub struct Status {
    /// The transaction the file is at; 0 before there is one.
    pub txid: Txid,
    /// When that was committed, by its writer's clock, in milliseconds since 1970; 0 if that is not known.
    pub committed_ms: i64,
    /// When this process last applied one, in milliseconds since 1970; 0 before.
    pub applied_ms: i64,
    /// When the file was last at all that the store has, in milliseconds since 1970; 0 before.
    pub answered_ms: i64,
    /// Why the last attempt failed; none if it did not.
    pub error: Option<String>,
}

/// Why a replica is not followed at the moment.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The store refused.
    #[error("follow: {0}")]
    Store(#[from] store::Error),
    /// An LTX file is damaged.
    #[error("follow: {0}")]
    Ltx(#[from] ltx::Error),
    /// SQLite refused.
    #[error("follow: {0}")]
    Sqlite(#[from] sqlite::Error),
    /// The store does not hold a whole database.
    #[error("follow: {0}")]
    Plan(#[from] plan::Error),
    /// The first state could not be restored.
    #[error("follow: {0}")]
    Restore(#[from] restore::Error),
    /// A local file could not be read or written.
    #[error("follow: {}: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// The cause.
        source: io::Error,
    },
    /// The SQLite in this program cannot write pages.
    #[error("follow: this build lacks SQLITE_ENABLE_DBPAGE_VTAB")]
    NoPages,
    /// The file is somebody's: following would overwrite it.
    #[error("follow: {} exists and is no replica: following would overwrite it", path.display())]
    Foreign {
        /// The file.
        path: PathBuf,
    },
    /// The file was shipped: following would overwrite what was committed then.
    #[error(
        "follow: {} was backed up since it followed, and has commits of its own: following would overwrite \
         them", path.display()
    )]
    Own {
        /// The file.
        path: PathBuf,
    },
    /// The store's database has another page size than the file.
    #[error(
        "follow: the file has pages of {file} bytes and the store of {store}: stop egret, delete the file, \
         and start it again"
    )]
    PageSize {
        /// The file's.
        file: u32,
        /// The store's.
        store: u32,
    },
    /// The store has lost what the file already has.
    #[error("follow: the file is at transaction {file} and the store only at {store}")]
    Behind {
        /// The file's.
        file: Txid,
        /// The store's.
        store: Txid,
    },
    /// Another process ships the file, or follows with it.
    #[error("follow: {0}")]
    Locked(#[from] shipper::Error),
    /// The follower was stopped.
    #[error("follow: stopped")]
    Stopped,
}

impl Error {
    /// Trying again would be in vain.
    #[must_use]
    pub fn is_final(&self) -> bool {
        let is_locked = matches!(self, Self::Locked(shipper::Error::Shipped { .. }));
        let is_others = matches!(self, Self::Foreign { .. } | Self::Own { .. });
        is_locked || is_others || matches!(self, Self::NoPages | Self::Stopped)
    }

    fn io(path: &Path) -> impl Fn(io::Error) -> Self + use<> {
        let path = path.to_owned();
        move |source| Self::Io { path: path.clone(), source }
    }
}

/// How far a file is that follows what is called `source`, or did until now; none if it does not, or
/// that cannot be said.
#[must_use]
pub fn followed(database: &Path, source: &str) -> Option<Txid> {
    position::followed(&shipper::state_directory(database), database, source)
}

/// Follows one replica into one file.
pub struct Follower {
    shared: Arc<Shared>,
    worker: Mutex<Option<JoinHandle<()>>>,
}

/// What the thread and those who ask it share.
struct Shared {
    source: Source,
    path: PathBuf,
    options: Options,
    runtime: Handle,
    stop: watch::Sender<bool>,
    status: Mutex<Status>,
    /// Why the thread gave up, until somebody asks.
    refusal: Mutex<Option<Error>>,
    changed: Condvar,
}

impl Follower {
    /// Starts to follow; requests run on `runtime`. The file appears when its first state is
    /// whole. What goes wrong is retried and shown by [`Self::status`].
    ///
    /// # Errors
    /// If no thread can be started.
    pub fn start(
        source: Source,
        path: &Path,
        options: Options,
        runtime: &Handle,
    ) -> Result<Arc<Self>, Error> {
        let shared = Arc::new(Shared::new(source, path, options, runtime));
        let followed = Arc::clone(&shared);
        let worker = std::thread::Builder::new()
            .name("follower".to_owned())
            .spawn(move || worker::run(&followed))
            .map_err(Error::io(path))?;
        Ok(Arc::new(Self { shared, worker: Mutex::new(Some(worker)) }))
    }

    /// Whether there is a file in a state that was committed, which may be served.
    ///
    /// # Errors
    /// There will never be one.
    pub fn is_ready(&self) -> Result<bool, Error> {
        self.shared.take_refusal()?;
        Ok(self.status().txid > Txid(0))
    }

    /// How it goes.
    #[must_use]
    pub fn status(&self) -> Status {
        self.shared.lock().clone()
    }

    /// Waits until the file is at `txid` or beyond; false at the deadline. Blocks the thread.
    #[must_use]
    pub fn wait_applied(&self, txid: Txid, deadline: Instant) -> bool {
        let mut status = self.shared.lock();
        while status.txid < txid {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return false;
            }
            let waited = self.shared.changed.wait_timeout(status, left);
            status = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
        true
    }

    /// Stops after the transaction that is being applied; what is being fetched is given up.
    /// Blocks the thread.
    pub fn stop(&self) {
        self.shared.stop.send_replace(true);
        let worker = self.worker.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(worker) = worker {
            worker.thread().unpark();
            // A thread that panicked has stopped, too.
            worker.join().unwrap_or_default();
        }
    }
}

impl Drop for Follower {
    fn drop(&mut self) {
        self.stop();
    }
}

impl Shared {
    fn new(source: Source, path: &Path, options: Options, runtime: &Handle) -> Self {
        Self {
            source,
            path: path.to_owned(),
            options,
            runtime: runtime.clone(),
            stop: watch::Sender::new(false),
            status: Mutex::default(),
            refusal: Mutex::default(),
            changed: Condvar::new(),
        }
    }

    fn is_stopped(&self) -> bool {
        *self.stop.borrow()
    }

    /// Runs a request until it is answered, or nobody waits any more.
    fn run<T, E: Into<Error>>(
        &self,
        request: impl Future<Output = Result<T, E>>,
    ) -> Result<T, Error> {
        let mut stop = self.stop.subscribe();
        self.runtime.block_on(async {
            tokio::select! {
                done = request => done.map_err(Into::into),
                _ = stop.wait_for(|stop| *stop) => Err(Error::Stopped),
            }
        })
    }

    /// Gives up.
    fn refuse(&self, error: Error) {
        *self.refusal.lock().unwrap_or_else(PoisonError::into_inner) = Some(error);
    }

    /// Why it was given up, unless somebody has asked before.
    fn take_refusal(&self) -> Result<(), Error> {
        let refusal = self.refusal.lock().unwrap_or_else(PoisonError::into_inner).take();
        refusal.map_or(Ok(()), Err)
    }

    fn lock(&self) -> MutexGuard<'_, Status> {
        self.status.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The directory the position is kept in.
    fn state(&self) -> PathBuf {
        shipper::state_directory(&self.path)
    }
}
