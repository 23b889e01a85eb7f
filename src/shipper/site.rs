//! One destination of one file: its lease, and what is known of its levels.
//!
//! Shared by the task that uploads ([`super::upload`]) and the one that merges, copies and deletes
//! ([`super::maintenance`]).

use super::ladder::Rungs;
use super::lease::{Holder, Lease};
use super::progress::Shared;
use super::sent::Sent;
use super::tenure::Whose;
use super::{Destination, Error, lease, maintenance, memory};
use crate::ltx::{Name, Txid};
use crate::store::{Level, LtxFile, PutMode, Replica};
use std::collections::BTreeSet;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;
use tokio::runtime::Handle;
use tokio::task::AbortHandle;
use tokio::time::Instant;

/// The wait after failed maintenance; doubled after each further failure.
const RETRY_MIN: Duration = Duration::from_secs(15);
const RETRY_DOUBLINGS_MAX: u32 = 5;
/// A failure that lasts is logged once in so many attempts.
const LOGGED_EVERY: u32 = 8;
/// Less difference between two clocks is not looked at.
const SKEW_MS: i64 = 5_000;

/// One destination of one file.
pub(super) struct Site {
    pub(super) shared: Arc<Shared>,
    pub(super) index: usize,
    pub(super) replica: Replica,
    runtime: Handle,
    lease: tokio::sync::Mutex<Lease>,
    known: Mutex<Known>,
    /// Transactions of restore points, known before the levels are.
    cuts: Mutex<BTreeSet<Txid>>,
    /// Local files from this one on are known to be what the destination has.
    local_from: AtomicU64,
    /// What was sent to it.
    pub(super) sent: Arc<Sent>,
    failures: AtomicU32,
    work: Mutex<Work>,
    this: Weak<Self>,
}

/// What is done of maintenance.
#[derive(Default)]
enum Work {
    /// Nothing is due.
    #[default]
    Rests,
    /// Until then.
    Waits(Instant, AbortHandle),
    Runs(AbortHandle),
    /// Another writer has the destination, or the program ends.
    Ended,
}

/// What is known of the levels.
enum Known {
    Nothing,
    All(Box<Rungs>, StoreClock),
}

/// The store's time, without asking it.
#[derive(Clone, Copy, Debug)]
pub(super) struct StoreClock {
    at: Instant,
    ms: i64,
}

impl StoreClock {
    pub(super) fn new(ms: i64) -> Self {
        Self { at: Instant::now(), ms }
    }

    pub(super) fn now_ms(self) -> i64 {
        self.ms.saturating_add(super::ladder::millis(self.at.elapsed()))
    }
}

impl Site {
    pub(super) fn new(
        shared: Arc<Shared>,
        index: usize,
        destination: Destination,
        runtime: Handle,
    ) -> Arc<Self> {
        let Destination { name, replica, followed } = destination;
        let database = &shared.database;
        let (holder, tenures) = (Holder::of(database), Arc::clone(&shared.tenures));
        let lease = Lease::new(holder, shared.options.lease_term, tenures, followed);
        let sent = Arc::new(Sent::open(database, &name));
        Arc::new_cyclic(|this| Self {
            shared,
            index,
            replica,
            runtime,
            lease: tokio::sync::Mutex::new(lease),
            known: Mutex::new(Known::Nothing),
            cuts: Mutex::default(),
            local_from: AtomicU64::new(u64::MAX),
            sent,
            failures: AtomicU32::new(0),
            work: Mutex::default(),
            this: Weak::clone(this),
        })
    }

    // The lease.

    /// Makes sure that this process may write, and says how what nobody may replace is put.
    pub(super) async fn ensure_lease(&self) -> Result<PutMode, Error> {
        let mut lease = self.lease.lock().await;
        lease.ensure(&self.replica).await?;
        self.shared.has_lease(self.index, lease.epoch());
        Ok(lease.put_mode())
    }

    /// What stands in the lease, and whose it is, unless that is this process.
    pub(super) async fn other_writer(&self) -> Result<Option<(lease::Text, Whose)>, Error> {
        self.lease.lock().await.other(&self.replica).await
    }

    /// How far the file is, if it followed what is there and never had its lease.
    pub(super) async fn followed(&self) -> Option<Txid> {
        self.lease.lock().await.followed
    }

    /// Refuses to take over from what goes on beyond a file that followed it.
    pub(super) async fn refuse_lagging(&self) -> Result<(), Error> {
        self.lease.lock().await.refuse_lagging(&self.replica).await
    }

    /// What is there is about to be looked at.
    pub(super) async fn look_again(&self) {
        self.lease.lock().await.look_again();
        self.forget();
    }

    /// Asks the store whether this process may write.
    pub(super) async fn confirm_lease(&self) -> Result<(), Error> {
        self.lease.lock().await.confirm(&self.replica).await
    }

    /// Sees to it that nobody who writes later uses the numbers up to this one.
    pub(super) async fn reserve(&self, txid: Txid) -> Result<(), Error> {
        self.lease.lock().await.reserve(&self.replica, txid).await
    }

    /// The highest number that this writer or those before it may have sent, other than those that
    /// follow what is stored; and whether all that wrote before are gone.
    pub(super) async fn predecessors(&self) -> (Txid, bool) {
        let lease = self.lease.lock().await;
        (lease.reserved(), lease.is_alone())
    }

    /// Lets the next writer in; gives up when the store does not answer in time.
    pub(super) fn release_lease(self: &Arc<Self>, patience: Duration) {
        let (sender, receiver) = std::sync::mpsc::channel();
        let site = Arc::clone(self);
        let task = self.runtime.spawn(async move {
            let stored = site.shared.stored_in(site.index);
            if let Err(error) = site.lease.lock().await.release(&site.replica, stored).await {
                tracing::debug!(%error, "release lease");
            }
            // Nobody waits any more if that took long.
            sender.send(()).unwrap_or_default();
        });
        if receiver.recv_timeout(patience).is_err() {
            task.abort();
        }
    }

    // The levels.

    /// A file was stored, with this time in its header, if that is known.
    pub(super) fn note(&self, level: Level, name: Name, size: u64, timestamp_ms: Option<i64>) {
        let file = |ms| LtxFile { level, name, size, modified_ms: Some(ms), timestamp_ms };
        match &mut *self.known() {
            Known::Nothing => {}
            Known::All(rungs, clock) => rungs.stored(file(clock.now_ms())),
        }
        self.schedule();
    }

    /// The moment after a transaction has a name: it is not merged away.
    pub(super) fn cut(&self, txid: Txid) {
        self.cuts.lock().unwrap_or_else(PoisonError::into_inner).insert(txid);
        self.with_rungs(|rungs, _| rungs.cut(txid));
    }

    /// A local file is what the destination has under its name.
    pub(super) fn note_local(&self, txid: Txid) {
        self.local_from.fetch_min(txid.0, Ordering::AcqRel);
    }

    /// A local file may not be what the destination has any more: no file of before is taken for that;
    /// true if one was.
    pub(super) fn distrust_local(&self) -> bool {
        self.local_from.swap(u64::MAX, Ordering::AcqRel) != u64::MAX
    }

    /// The local file of this number is what the destination has, if it is there.
    pub(super) fn is_local(&self, txid: Txid) -> bool {
        txid.0 >= self.local_from.load(Ordering::Acquire)
    }

    /// Nothing is known until the levels are listed again.
    fn forget(&self) {
        self.distrust_local();
        *self.known() = Known::Nothing;
    }

    pub(super) fn is_known(&self) -> bool {
        matches!(*self.known(), Known::All(..))
    }

    /// The levels were listed.
    pub(super) fn listed(&self, files: &[LtxFile], clock: StoreClock) {
        let mut hasher = DefaultHasher::new();
        self.shared.database.hash(&mut hasher);
        let mut rungs = Rungs::new(&self.shared.options.ladder, hasher.finish(), files);
        let cuts = self.cuts.lock().unwrap_or_else(PoisonError::into_inner).clone();
        cuts.into_iter().for_each(|txid| rungs.cut(txid));
        *self.known() = Known::All(Box::new(rungs), clock);
    }

    /// What the store's clock says, told from when it says the lease was just renewed: ages are
    /// always differences of its own times.
    pub(super) async fn store_clock(&self) -> Result<StoreClock, Error> {
        let before = self.shared.hooks.now_ms();
        self.confirm_lease().await?;
        let by_store = lease::renewed_ms(&self.replica).await?.unwrap_or(before);
        let skew = by_store.saturating_sub(before);
        if skew.abs() < SKEW_MS {
            return Ok(StoreClock::new(before));
        }
        let file = self.shared.database.display();
        tracing::info!(%file, skew_ms = skew, "the store's clock differs");
        Ok(StoreClock::new(by_store))
    }

    /// Works on what is known of the levels, at the store's time.
    pub(super) fn with_rungs<T>(&self, work: impl FnOnce(&mut Rungs, i64) -> T) -> Option<T> {
        match &mut *self.known() {
            Known::All(rungs, clock) => Some(work(rungs, clock.now_ms())),
            Known::Nothing => None,
        }
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    // The schedule.

    /// Sees to it that what is due is done when it is due.
    fn schedule(&self) {
        let ladder = &self.shared.options.ladder;
        let first = ladder.levels.first().copied().unwrap_or(ladder.snapshot_interval);
        let wait = match self.with_rungs(|rungs, now| Some(rungs.due_ms()?.saturating_sub(now))) {
            None => first,
            Some(None) => return,
            Some(Some(wait)) => Duration::from_millis(u64::try_from(wait).unwrap_or(0)),
        };
        let failures = self.failures.load(Ordering::Acquire);
        let retry = RETRY_MIN.saturating_mul(1 << failures.min(RETRY_DOUBLINGS_MAX));
        let wait = if failures > 0 { wait.max(retry) } else { wait };
        self.wake_at(Instant::now() + wait);
    }

    /// Begins to maintain then, unless that is under way, or begins earlier.
    fn wake_at(&self, at: Instant) {
        let mut work = self.work();
        match &*work {
            Work::Waits(before, task) if at < *before => task.abort(),
            Work::Rests => {}
            Work::Waits(..) | Work::Runs(_) | Work::Ended => return,
        }
        let site = Weak::clone(&self.this);
        let task = self.runtime.spawn(async move {
            tokio::time::sleep_until(at).await;
            if let Some(site) = site.upgrade() {
                site.begin(at);
            }
        });
        *work = Work::Waits(at, task.abort_handle());
    }

    /// In a task of its own: one that only waits is small.
    fn begin(self: Arc<Self>, at: Instant) {
        let mut work = self.work();
        let is_next = matches!(*work, Work::Waits(next, _) if next == at);
        if is_next && !self.shared.bell.is_stopped() {
            let site = Arc::clone(&self);
            let task = self.runtime.spawn(async move { site.maintain().await });
            *work = Work::Runs(task.abort_handle());
        }
    }

    fn work(&self) -> MutexGuard<'_, Work> {
        self.work.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn maintain(&self) {
        let _turn = maintenance::turn().await;
        match maintenance::run(self).await {
            Ok(()) => self.failures.store(0, Ordering::Release),
            Err(Error::Fenced { .. } | Error::Stopped) => {
                *self.work() = Work::Ended;
                return;
            }
            Err(error) => {
                let failures = self.failures.fetch_add(1, Ordering::AcqRel);
                if failures.is_multiple_of(LOGGED_EVERY) {
                    let file = self.shared.database.display();
                    tracing::warn!(%file, %error, "backup not tidied, will try again");
                }
                self.shared.maintenance_failed(self.index, &error);
                if error.is_loss() {
                    self.shared.lost_sight(self.index);
                }
            }
        }
        memory::give_back_soon();
        // Only now: what is due of one destination is done by one at a time.
        *self.work() = Work::Rests;
        self.schedule();
    }

    /// Ends what is under way.
    pub(super) fn stop(&self) {
        match std::mem::replace(&mut *self.work(), Work::Ended) {
            Work::Waits(_, task) | Work::Runs(task) => task.abort(),
            Work::Rests | Work::Ended => {}
        }
    }
}
