//! What the worker, the uploads and those who wait for them tell each other.

use super::log::Log;
use super::proven::{self, Proven};
use super::status::{DestinationStatus, Failure, Status};
use super::verify::VerifyError;
use super::{Error, Hooks, Options};
use crate::ltx::{Name, Txid};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError};
use std::thread::Thread;
use std::time::Instant;
use tokio::sync::watch;

/// Wakes the worker.
#[derive(Debug, Default)]
pub(super) struct Bell {
    pending: AtomicBool,
    urgent: AtomicBool,
    stop: AtomicBool,
    /// After it was told to stop: how long it may try to.
    stop_by: Mutex<Option<Instant>>,
    worker: OnceLock<Thread>,
}

impl Bell {
    /// Something was committed: look within the sync interval.
    pub(super) fn ring(&self) {
        // The swap orders this commit before the look that clears the flag.
        if !self.pending.swap(true, Ordering::AcqRel) {
            self.unpark();
        }
    }

    /// Somebody waits: look at once.
    pub(super) fn ring_urgently(&self) {
        self.urgent.store(true, Ordering::Release);
        self.pending.store(true, Ordering::Release);
        self.unpark();
    }

    pub(super) fn is_pending(&self) -> bool {
        self.pending.load(Ordering::Acquire)
    }

    pub(super) fn is_urgent(&self) -> bool {
        self.urgent.load(Ordering::Acquire)
    }

    pub(super) fn is_stopped(&self) -> bool {
        self.stop.load(Ordering::Acquire)
    }

    /// Until when the worker, told to stop, tries to bring everything to its end.
    pub(super) fn stop_by(&self) -> Option<Instant> {
        *self.stop_by.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Names the thread to wake.
    pub(super) fn hang(&self) {
        // A bell has one worker; a second call would name the same thread.
        self.worker.get_or_init(std::thread::current);
    }

    /// Before a look.
    pub(super) fn clear(&self) {
        self.urgent.swap(false, Ordering::AcqRel);
        self.pending.swap(false, Ordering::AcqRel);
    }

    fn unpark(&self) {
        if let Some(worker) = self.worker.get() {
            worker.unpark();
        }
    }
}

/// Shared by the worker and the uploads of one file.
pub(super) struct Shared {
    pub(super) database: PathBuf,
    pub(super) options: Options,
    pub(super) log: Log,
    pub(super) hooks: Arc<dyn Hooks>,
    pub(super) bell: Arc<Bell>,
    state: Mutex<State>,
    changed: Condvar,
    news: watch::Sender<u64>,
}

#[derive(Debug, Default)]
struct State {
    /// The newest local file.
    newest: Txid,
    /// The newest local file that holds the whole database, as far as this process knows.
    full: Txid,
    /// The highest number any destination has shown.
    floor: Option<Txid>,
    /// Where this process's own files begin; none before the first.
    base: Option<Txid>,
    full_wanted: bool,
    destinations: Vec<DestinationState>,
    looks_asked: u64,
    looks_done: u64,
    stopped: bool,
    status: Status,
}

#[derive(Debug, Default)]
struct DestinationState {
    /// It has said how far it is, and files are kept for it.
    contacted: bool,
    /// It was away for too long: nothing is kept for it until it answers.
    cut: bool,
    /// Local files up to here are of no use to it; only a full one above is.
    full_above: Option<Txid>,
    status: DestinationStatus,
}

/// What an upload does next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Job {
    /// Store a local file.
    Put(Name),
    /// Store a local file that holds the whole database, and the same as a snapshot: the
    /// destination lacks what came before.
    PutFull(Name),
}

impl Shared {
    pub(super) fn open(
        database: &Path,
        names: Vec<String>,
        options: Options,
        hooks: Arc<dyn Hooks>,
    ) -> Result<Self, Error> {
        let log = Log::open(database, options.encoding)?;
        let newest = log.names()?.last().map_or(Txid(0), |name| name.max);
        let proven = proven::read(database);
        let destination = |name: String| {
            let proven = proven.get(&name).copied();
            let status = DestinationStatus { name, proven, ..DestinationStatus::default() };
            DestinationState { status, ..DestinationState::default() }
        };
        let destinations: Vec<_> = names.into_iter().map(destination).collect();
        let base = (newest > Txid(0) || destinations.is_empty()).then_some(newest);
        let state = State { newest, base, destinations, ..State::default() };
        Ok(Self {
            database: database.to_owned(),
            options,
            log,
            hooks,
            bell: Arc::default(),
            state: Mutex::new(state),
            changed: Condvar::new(),
            news: watch::Sender::new(0),
        })
    }

    /// Asks the worker to stop when everything is stored, at the latest at the deadline; without
    /// one, after a last look.
    pub(super) fn stop(&self, until: Option<Instant>) {
        *self.bell.stop_by.lock().unwrap_or_else(PoisonError::into_inner) = until;
        self.bell.stop.store(true, Ordering::Release);
        self.bell.ring_urgently();
    }

    // The worker's side.

    /// The number after which this process's files begin, once it is known.
    pub(super) fn base(&self) -> Option<Txid> {
        let mut state = self.lock();
        if state.base.is_none() {
            state.base = state.floor;
        }
        state.base
    }

    /// The highest number any destination has shown.
    pub(super) fn floor(&self) -> Txid {
        self.lock().floor.unwrap_or_default()
    }

    /// A look begins: how many had been asked for.
    pub(super) fn begin_look(&self) -> u64 {
        self.bell.clear();
        self.lock().looks_asked
    }

    /// Somebody waits for a look.
    pub(super) fn is_awaited(&self) -> bool {
        let state = self.lock();
        state.looks_done < state.looks_asked
    }

    /// A look ended at the end of the log.
    pub(super) fn looked(&self, asked: u64, wal_bytes: u64) {
        let mut state = self.lock();
        state.looks_done = state.looks_done.max(asked);
        state.status.error = None;
        state.status.wal_bytes = wal_bytes;
        self.changed.notify_all();
    }

    /// A look failed. That there is nothing to ship yet is nothing to complain of.
    pub(super) fn look_failed(&self, error: &Error) {
        let failure = self.failure(Txid(0), error);
        let status = &mut self.lock().status;
        if !error.is_early() {
            status.failed_count += 1;
            status.failure = Some(failure.clone());
        }
        status.error = (!matches!(error, Error::Vacant { .. })).then_some(failure);
    }

    /// A local file was written.
    pub(super) fn wrote(&self, name: Name, full: bool) {
        let now = self.hooks.now_ms();
        let mut state = self.lock();
        state.newest = name.max;
        state.status.batches += 1;
        if full {
            state.status.fulls += 1;
            state.full = name.max;
            state.full_wanted = false;
        }
        for destination in &mut state.destinations {
            destination.status.behind_since_ms.get_or_insert(now);
        }
        drop(state);
        self.tell();
    }

    pub(super) fn checkpointed(&self) {
        self.lock().status.checkpoints += 1;
    }

    /// A destination can only go on with a file that holds the whole database.
    pub(super) fn full_wanted(&self) -> bool {
        self.lock().full_wanted
    }

    /// Up to where nobody needs local files any more.
    pub(super) fn stored_everywhere(&self) -> Txid {
        let state = self.lock();
        let waiting = state.destinations.iter().filter(|d| !d.cut);
        waiting.map(|d| d.status.stored).min().unwrap_or(state.newest)
    }

    /// The newest local file that holds the whole database, as far as this process knows.
    pub(super) fn full(&self) -> Txid {
        self.lock().full
    }

    /// Keeps nothing more for the destination that is behind furthest, until it answers; false if
    /// none is behind.
    pub(super) fn cut_off(&self) -> bool {
        let mut state = self.lock();
        let newest = state.newest;
        let behind = state.destinations.iter_mut().filter(|d| !d.cut && d.status.stored < newest);
        let Some(furthest) = behind.min_by_key(|d| d.status.stored) else { return false };
        (furthest.cut, furthest.contacted) = (true, false);
        let (file, destination) = (self.database.display(), &furthest.status.name);
        tracing::warn!(%file, destination, "the local log is full: goes on with the whole database when this destination answers");
        drop(state);
        // Who waits for a job is to ask how far the destination is instead.
        self.tell();
        true
    }

    /// Nothing is kept for the destination until it says how far it is.
    pub(super) fn is_cut(&self, index: usize) -> bool {
        self.lock().destinations.get(index).is_some_and(|d| d.cut)
    }

    /// Nothing is kept for any destination.
    pub(super) fn is_paused(&self) -> bool {
        let state = self.lock();
        !state.destinations.is_empty() && state.destinations.iter().all(|d| d.cut)
    }

    /// The worker has ended.
    pub(super) fn worker_ended(&self) {
        self.lock().stopped = true;
        self.changed.notify_all();
        self.tell();
    }

    // The uploads' side.

    pub(super) fn news(&self) -> watch::Receiver<u64> {
        self.news.subscribe()
    }

    /// A destination has said how far it is.
    pub(super) fn contacted(&self, index: usize, newest: Txid) {
        let mut state = self.lock();
        state.floor = Some(state.floor.unwrap_or_default().max(newest));
        let (base, local) = (state.base, state.newest);
        let Some(destination) = state.destinations.get_mut(index) else { return };
        let was_cut = std::mem::take(&mut destination.cut);
        destination.contacted = true;
        destination.status.stored = newest;
        let diverged = was_cut || base.is_some_and(|base| newest > base);
        if diverged {
            destination.full_above = Some(newest.max(local));
            state.full_wanted = true;
        } else if newest == local {
            destination.status.behind_since_ms = None;
        }
        drop(state);
        self.changed.notify_all();
        self.bell.ring_urgently();
    }

    /// What to store next.
    pub(super) fn next_job(&self, index: usize) -> Option<Job> {
        let mut state = self.lock();
        let (newest, full) = (state.newest, state.full);
        let destination = state.destinations.get(index).filter(|d| d.contacted)?;
        let stored = destination.status.stored;
        if newest <= stored {
            return None;
        }
        let next = Name::single(stored.next());
        match destination.full_above {
            None if self.log.path(next).exists() => return Some(Job::Put(next)),
            Some(above) if full <= above => {}
            _ if full > stored => return Some(Job::PutFull(Name::single(full))),
            _ => {}
        }
        state.full_wanted = true;
        drop(state);
        self.bell.ring_urgently();
        None
    }

    /// A destination has a file now.
    pub(super) fn stored(&self, index: usize, txid: Txid) {
        let now = self.hooks.now_ms();
        let mut state = self.lock();
        let newest = state.newest;
        if let Some(destination) = state.destinations.get_mut(index) {
            destination.full_above = None;
            let status = &mut destination.status;
            status.stored = txid;
            status.stored_ms = Some(now);
            status.stored_count += 1;
            if txid >= newest {
                status.behind_since_ms = None;
            }
        }
        drop(state);
        self.changed.notify_all();
        if self.bell.is_stopped() {
            self.bell.unpark();
        }
    }

    /// An attempt failed.
    pub(super) fn upload_failed(&self, index: usize, txid: Txid, error: &Error) {
        let failure = self.failure(txid, error);
        if let Some(destination) = self.lock().destinations.get_mut(index) {
            destination.status.failed_count += 1;
            destination.status.failure = Some(failure);
        }
    }

    // The side of those who prove.

    pub(super) fn destination_name(&self, index: usize) -> String {
        self.lock().destinations.get(index).map(|d| d.status.name.clone()).unwrap_or_default()
    }

    /// A destination restores to what the file was after a transaction.
    pub(super) fn proven(&self, index: usize, txid: Txid) {
        let now = self.hooks.now_ms();
        let mut state = self.lock();
        if let Some(destination) = state.destinations.get_mut(index) {
            destination.status.proven = Some(Proven { txid, at_ms: now });
        }
        let all = state.destinations.iter().map(|d| &d.status);
        let all = all.filter_map(|status| Some((status.name.clone(), status.proven?))).collect();
        drop(state);
        if let Err(error) = proven::write(&self.database, &all) {
            tracing::warn!(file = %self.database.display(), %error, "proof not noted");
        }
    }

    /// A destination is not proven.
    pub(super) fn proof_failed(&self, index: usize, error: &VerifyError) {
        let failure =
            Failure { txid: Txid(0), at_ms: self.hooks.now_ms(), error: error.to_string() };
        if let Some(destination) = self.lock().destinations.get_mut(index) {
            destination.status.proof_failed_count += 1;
            destination.status.proof_failure = Some(failure);
        }
    }

    // The side of those who wait.

    pub(super) fn wait_logged(&self, deadline: Option<Instant>) -> Result<Txid, Error> {
        let mut state = self.lock();
        state.looks_asked += 1;
        let asked = state.looks_asked;
        drop(state);
        self.bell.ring_urgently();
        self.wait(deadline, |state| (state.looks_done >= asked).then_some(state.newest))
    }

    pub(super) fn wait_stored(
        &self,
        names: &[String],
        deadline: Option<Instant>,
    ) -> Result<Txid, Error> {
        let txid = self.wait_logged(deadline)?;
        self.wait(deadline, |state| {
            let mut required = state
                .destinations
                .iter()
                .filter(|d| names.is_empty() || names.contains(&d.status.name));
            required.all(|d| d.contacted && d.status.stored >= txid).then_some(txid)
        })
    }

    /// Every destination has all that was committed before the last look.
    pub(super) fn is_stored(&self) -> bool {
        let state = self.lock();
        // Of a file that never had a page there is nothing to store, wherever that would be.
        let nothing = state.newest == Txid(0);
        let stored = |d: &DestinationState| d.contacted && d.status.stored >= state.newest;
        state.status.error.is_none() && (nothing || state.destinations.iter().all(stored))
    }

    pub(super) fn status(&self) -> Status {
        let state = self.lock();
        let destinations = state.destinations.iter().map(|d| d.status.clone()).collect();
        Status { txid: state.newest, destinations, ..state.status.clone() }
    }

    fn wait<T>(
        &self,
        deadline: Option<Instant>,
        done: impl Fn(&State) -> Option<T>,
    ) -> Result<T, Error> {
        let mut state = self.lock();
        loop {
            if let Some(value) = done(&state) {
                return Ok(value);
            }
            if state.stopped {
                return Err(Error::Stopped);
            }
            let left = deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()));
            state = match left {
                Some(left) if left.is_zero() => return Err(Error::Late),
                Some(left) => {
                    let waited = self.changed.wait_timeout(state, left);
                    waited.unwrap_or_else(PoisonError::into_inner).0
                }
                None => self.changed.wait(state).unwrap_or_else(PoisonError::into_inner),
            };
        }
    }

    fn failure(&self, txid: Txid, error: &Error) -> Failure {
        Failure { txid, at_ms: self.hooks.now_ms(), error: error.to_string() }
    }

    fn tell(&self) {
        self.news.send_modify(|count| *count = count.wrapping_add(1));
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
