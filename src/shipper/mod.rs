//! Ships every commit of a file to object stores, in the format of Litestream 0.5.
//!
//! What enters: a SQLite file, "a transaction was committed" ([`Shipper::committed`]), and commits
//! of foreign processes, which are noticed. What leaves: LTX files in every destination, in order
//! and without a gap, and "it is stored" ([`Shipper::wait_stored`]).
//!
//! * A task for each file (`worker`) runs the state machine that reads the log (`tail`) and
//!   writes a local LTX file for each batch of commits (`log`).
//! * A task for each destination (`upload`) carries local files to its store, by a cursor of its
//!   own, after each was read back and checked (`proof`).
//! * What is stored is merged over longer and longer times, copied whole once a day, and deleted
//!   when no restore of the window needs it ([`ladder`], [`retention`], `maintenance`).
//! * One writer at a time has a destination; a second one is kept out (`lease`).
//! * Nothing happens while nothing is committed.
//!
//! To a foreign process the shipper is a reader that moves on once in a sync interval: a checkpoint
//! that waits for readers (FULL, RESTART, TRUNCATE with a busy timeout) waits for it about that long,
//! and keeps writers out meanwhile. An application does best to leave checkpoints to egret
//! (`PRAGMA wal_autocheckpoint = 0`).
//!
//! A store that is away costs space: local files are kept for it up to [`Options::log_bytes_max`].
//! Beyond that they are given up; while no destination is left, no read mark is held and the log is
//! checkpointed unread. A destination that answers again goes on with the whole database.
//!
//! A destination may be encrypted for others, so that what was stored cannot be read back from here
//! ([`Replica::is_readable`]). Then only what is still local is merged, nothing is proven, and what is
//! ours is known by its last bytes (`sent`).
//!
//! Nothing is ever written into the database for this purpose. What is kept locally lies in
//! `.<file>-egret/` beside it and may be deleted at any moment: the numbers continue after those of
//! the destination, which gets a whole copy.
//!
//! Whatever a destination lacks that is not kept here any more, the first time all of it, it gets as a
//! whole copy, read from the file while others write (`snapshot`). Where it is not known here either what
//! came before, the numbers have a gap, so that nobody takes what follows for what leads on (`tail`).

mod bell;
mod error;
pub mod failed;
mod glance;
mod growth;
mod hooks;
pub mod ladder;
mod lease;
mod locate;
mod lock;
mod log;
mod maintenance;
mod memory;
mod merge;
mod moment;
mod outgoing;
pub mod outside;
mod pace;
mod parting;
pub mod plan;
pub mod points;
mod progress;
mod proof;
pub mod proven;
mod prune;
mod reach;
pub mod restore;
pub mod retention;
pub mod rolling;
mod sent;
mod site;
mod snapshot;
mod state_file;
mod status;
mod stepped;
mod sums;
pub mod survey;
mod tail;
mod tenure;
mod upload;
pub mod usage;
pub mod verify;
mod watch;
mod worker;

pub use error::Error;
pub(crate) use hooks::now_ms;
pub use hooks::{Alone, DiskAct, Guard, Hooks};
pub use ladder::Ladder;
pub(crate) use lock::Lock;
pub use log::state_directory;
pub use progress::Stored;
pub use status::{DestinationStatus, Failure, Stage, Status};
pub use stepped::{Asked, Stepped};
pub(crate) use tenure::{POSITION, forget, has_own, written};

use crate::ltx::{PageEncoding, Txid};
use crate::store::Replica;
use progress::Shared;
use site::Site;
use std::path::Path;
use std::sync::Arc;
use std::task::Waker;
use std::time::{Duration, Instant};
use tokio::runtime::Handle;
use tokio::task::AbortHandle;

/// A batch costs two new files and three syncs, and a request, however small it is.
pub const SYNC_INTERVAL: Duration = Duration::from_secs(1);
/// While they are there, what is merged need not be read from the store: a little longer than
/// level 2 of [`Ladder::default`] waits.
const LOCAL_RETENTION: Duration = Duration::from_secs(400);
/// How long stopping waits for a store that does not take back a lease.
const RELEASE_PATIENCE: Duration = Duration::from_secs(2);
/// How long, beyond the sync interval, who asks for the newest number waits for a look.
const POSITION_PATIENCE: Duration = Duration::from_secs(1);
/// More than SQLite's own 1000: a checkpoint here syncs twice as often, since most of it happens
/// while writers go on, and a page that was written again since need not be copied. Not much more:
/// as long as the log's file grows each sync of it is dearer.
const CHECKPOINT_PAGES: u64 = 4000;

/// What local files may take in bytes unless something else is said: 4 GiB.
pub const LOG_BYTES_MAX: u64 = 4 << 30;

/// One place a file is shipped to.
#[derive(Clone, Debug)]
pub struct Destination {
    /// The name it has in the status and in metrics.
    pub name: String,
    /// Where.
    pub replica: Replica,
    /// How far the file is, if it followed what is there until now: it does not take over from what
    /// goes on beyond.
    pub followed: Option<Txid>,
}

impl Destination {
    /// A place that the file did not follow.
    #[must_use]
    pub fn new(name: impl Into<String>, replica: Replica) -> Self {
        Self { name: name.into(), replica, followed: None }
    }
}

/// How a file is shipped.
#[derive(Clone, Debug)]
pub struct Options {
    /// Commits that follow each other closer than this are stored together.
    pub sync_interval: Duration,
    /// How often a file that nobody seems to write is looked at all the same; four times less often
    /// where the system tells of writes.
    pub poll_interval: Duration,
    /// The log is copied into the database when it has grown by so many pages.
    pub checkpoint_pages: u64,
    /// The log of a file that other processes write is copied, and started over, before it is so many
    /// pages long: beyond, they would try that after each commit, in vain.
    pub foreign_pages: u64,
    /// A log's file longer than this is cut when it can be.
    pub truncate_bytes: u64,
    /// A log longer than this is warned of: some reader keeps it from being started over.
    pub warn_bytes: u64,
    /// About how much of the log goes into one local file at most.
    pub batch_bytes_max: u64,
    /// How long local files are kept after every destination has them.
    pub local_retention: Duration,
    /// What local files may take in bytes. Beyond it nothing is kept for the destination that is behind
    /// furthest: it goes on with the whole database when it answers.
    pub log_bytes_max: u64,
    /// How often local files are looked through.
    pub prune_interval: Duration,
    /// Another writer that has not been heard of for so long is replaced.
    pub lease_term: Duration,
    /// How what was stored is merged, copied and deleted.
    pub ladder: Ladder,
    /// How pages are stored; frames are for readers older than Litestream 0.5.16.
    pub encoding: PageEncoding,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            sync_interval: SYNC_INTERVAL,
            poll_interval: Duration::from_secs(5),
            checkpoint_pages: CHECKPOINT_PAGES,
            foreign_pages: pace::AUTOCHECKPOINT_PAGES,
            truncate_bytes: 64 << 20,
            warn_bytes: 512 << 20,
            batch_bytes_max: 64 << 20,
            local_retention: LOCAL_RETENTION,
            log_bytes_max: LOG_BYTES_MAX,
            prune_interval: Duration::from_secs(10),
            lease_term: lease::TERM,
            ladder: Ladder::default(),
            encoding: PageEncoding::Block,
        }
    }
}

/// Ships one file.
pub struct Shipper {
    parts: Parts,
    runtime: Handle,
}

impl Shipper {
    /// Starts shipping a file; all of it runs on `runtime`. What goes wrong from now on is retried
    /// and shown by [`Self::status`].
    ///
    /// # Errors
    /// If the state directory cannot be made, or another process ships the file. One that is about
    /// to end is waited for, which blocks the thread.
    pub fn start(
        path: &Path,
        destinations: Vec<Destination>,
        options: Options,
        hooks: Arc<dyn Hooks>,
        runtime: &Handle,
    ) -> Result<Arc<Self>, Error> {
        let (parts, lock) = Parts::open(path, destinations, options, hooks, runtime)?;
        runtime.spawn(worker::run(Arc::clone(&parts.shared), lock));
        Ok(Arc::new(Self { parts, runtime: runtime.clone() }))
    }

    /// A transaction was committed. Costs next to nothing; anybody may call it at any time.
    pub fn committed(&self) {
        self.parts.shared.bell.ring_of_own();
    }

    /// Whether what was committed before the call is in every destination: `waker` is woken when it
    /// is, or never will be. Blocks nobody; those who wait together are served by one upload.
    pub fn when_stored(&self, waker: Waker) -> Stored {
        self.parts.shared.when_stored(waker)
    }

    /// Waits until what was committed before the call is in the destinations of these names, or
    /// in all if none is named, and returns its number. Callers that wait together are served
    /// by one upload. Blocks the thread, which must not keep writers out meanwhile
    /// ([`Hooks::hold_writers`] would wait for it).
    ///
    /// # Errors
    /// [`Error::Late`] at the deadline, [`Error::Stopped`] when the shipper is stopped,
    /// [`Error::Never`] and [`Error::Taken`] when another writer has taken over what is waited for.
    pub fn wait_stored(&self, names: &[String], deadline: Option<Instant>) -> Result<Txid, Error> {
        self.parts.shared.wait_stored(names, deadline)
    }

    /// Waits until what was committed before the call is in the local log, and returns its
    /// number. Blocks the thread.
    ///
    /// # Errors
    /// As [`Self::wait_stored`].
    pub fn wait_logged(&self, deadline: Option<Instant>) -> Result<Txid, Error> {
        self.parts.shared.wait_logged(deadline)
    }

    /// The number of what was committed before the call: while something is being stored that takes up to
    /// a sync interval. An older one if nothing is taken any more. Blocks the thread meanwhile.
    #[must_use]
    pub fn position(&self, cancelled: &dyn Fn() -> bool) -> Txid {
        let shared = &self.parts.shared;
        let until = Instant::now() + shared.options.sync_interval + POSITION_PATIENCE;
        let gives_up = || cancelled() || Instant::now() > until;
        let known = shared.status().txid;
        // Before there is a number, whoever looks waits for a store.
        if known == Txid(0) {
            return known;
        }
        let asked = shared.ask_look();
        until_cancelled(&gives_up, |turn| shared.wait_looked(asked, Some(turn))).unwrap_or(known)
    }

    /// Names the moment after what was committed before the call, once that is in every destination,
    /// and returns its number. Blocks the thread until then, or until it is cancelled.
    ///
    /// # Errors
    /// There is a point of this name, or it cannot have this name, or a destination fails.
    pub fn create_point(
        &self,
        name: &str,
        cancelled: &dyn Fn() -> bool,
    ) -> Result<Txid, points::Error> {
        points::check_name(name)?;
        let txid = loop {
            let txid = until_cancelled(cancelled, |until| self.wait_logged(Some(until)))?;
            // Before it is stored, and so before it can be merged with what comes later.
            self.parts.sites.iter().for_each(|site| site.cut(txid));
            let shared = &self.parts.shared;
            until_cancelled(cancelled, |until| shared.wait_has(&[], txid, Some(until)))?;
            if shared.has_moment(txid) {
                break txid;
            }
        };
        let time_ms = self.parts.shared.hooks.now_ms();
        let point = points::Point { name: name.to_owned(), txid, time_ms };
        let replicas: Vec<_> = self.parts.sites.iter().map(|site| site.replica.clone()).collect();
        self.runtime.block_on(point.store_in_all(&replicas))?;
        Ok(txid)
    }

    /// Stores the whole database in every destination as it is now, and returns the number of its
    /// last transaction. Writers go on meanwhile. Blocks the thread.
    ///
    /// # Errors
    /// If a store fails, another writer has it, or the deadline passes.
    pub fn snapshot(&self, deadline: Instant) -> Result<Txid, Error> {
        let (sender, receiver) = std::sync::mpsc::channel();
        for site in &self.parts.sites {
            let (site, sender) = (Arc::clone(site), sender.clone());
            self.runtime.spawn(async move {
                // Nobody waits any more if that took long.
                sender.send(maintenance::take_snapshot(&site).await).unwrap_or_default();
            });
        }
        drop(sender);
        for _ in &self.parts.sites {
            let left = deadline.saturating_duration_since(Instant::now());
            receiver.recv_timeout(left).unwrap_or(Err(Error::Late))?;
        }
        let snapshots = self.status().destinations.into_iter().filter_map(|d| d.snapshot);
        Ok(snapshots.map(|(txid, _)| txid).min().unwrap_or_default())
    }

    /// How it goes.
    #[must_use]
    pub fn status(&self) -> Status {
        self.parts.shared.status()
    }

    /// Takes what was committed and stores it in every destination, then stops; gives up at the
    /// deadline. True if all was stored. Blocks the thread.
    pub fn stop(&self, deadline: Duration) -> bool {
        self.parts.shared.stop(Some(tokio::time::Instant::now() + deadline));
        let ended = self.parts.shared.wait_ended();
        let shared = &self.parts.shared;
        let stored = ended && shared.is_stored() && !shared.has_lost_one();
        self.parts.end_tasks();
        for site in &self.parts.sites {
            site.release_lease(RELEASE_PATIENCE);
            shared.note_usage(site.index);
        }
        shared.book.keep();
        stored
    }
}

/// What ships one file, but for who looks at it.
struct Parts {
    shared: Arc<Shared>,
    sites: Vec<Arc<Site>>,
    uploads: Vec<AbortHandle>,
}

impl Parts {
    /// Uploads begin to run. The lock is for who looks.
    fn open(
        path: &Path,
        destinations: Vec<Destination>,
        options: Options,
        hooks: Arc<dyn Hooks>,
        runtime: &Handle,
    ) -> Result<(Self, Lock), Error> {
        let lock = Lock::take(path)?;
        tenure::begin(path)?;
        let shared = Arc::new(Shared::open(path, &destinations, options, hooks)?);
        let sites = destinations.into_iter().enumerate().map(|(index, destination)| {
            Site::new(Arc::clone(&shared), index, destination, runtime.clone())
        });
        let sites: Vec<_> = sites.collect();
        let upload = |site: &Arc<Site>| runtime.spawn(upload::run(Arc::clone(site))).abort_handle();
        let uploads = sites.iter().map(upload).collect();
        Ok((Self { shared, sites, uploads }, lock))
    }

    fn end_tasks(&self) {
        self.uploads.iter().for_each(AbortHandle::abort);
        self.sites.iter().for_each(|site| site.stop());
    }
}

impl Drop for Parts {
    fn drop(&mut self) {
        self.shared.stop(None);
        self.end_tasks();
    }
}

/// Waits in short turns, between which it is asked whether somebody still waits.
fn until_cancelled(
    cancelled: &dyn Fn() -> bool,
    wait: impl Fn(Instant) -> Result<Txid, Error>,
) -> Result<Txid, points::Error> {
    const TURN: Duration = Duration::from_millis(50);
    loop {
        match wait(Instant::now() + TURN) {
            Err(Error::Late) if cancelled() => return Err(points::Error::Cancelled),
            Err(Error::Late) => {}
            done => return Ok(done?),
        }
    }
}
