//! What the worker, the uploads and those who wait for them tell each other.

mod destination;
mod notes;
mod pins;
mod stored;
mod waiting;

pub(super) use destination::Job;
pub use stored::Stored;

use super::bell::Bell;
use super::failed::Failures;
use super::log::Log;
use super::proven::{self, Proven};
use super::snapshot::Pinned;
use super::status::{DestinationStatus, Failure, Status};
use super::tail::end_of_room;
use super::tenure::Tenures;
use super::usage::Book;
use super::verify::VerifyError;
use super::{Destination, Error, Hooks, Options};
use crate::ltx::{Name, Txid};
use destination::DestinationState;
use pins::PinWanted;
use std::mem;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use stored::Queue;
use tokio::sync::watch;

/// How long a file that nothing is known of waits for a destination to say what it has.
const ANSWER_PATIENCE: Duration = Duration::from_secs(10);

/// Shared by the worker and the uploads of one file.
pub(super) struct Shared {
    pub(super) database: PathBuf,
    pub(super) options: Options,
    pub(super) log: Log,
    pub(super) hooks: Arc<dyn Hooks>,
    pub(super) book: Book,
    pub(super) tenures: Arc<Tenures>,
    failures: Failures,
    pub(super) bell: Arc<Bell>,
    /// The newest local file of before this process; 0 if there was none.
    pub(super) inherited: Txid,
    opened: tokio::time::Instant,
    state: Mutex<State>,
    changed: Condvar,
    news: watch::Sender<u64>,
}

#[derive(Default)]
struct State {
    /// The newest local file.
    newest: Txid,
    /// The highest number any destination has shown.
    floor: Option<Txid>,
    /// Where this process's own files begin; none before the first.
    base: Option<Txid>,
    destinations: Vec<DestinationState>,
    /// Who waits for a read transaction.
    pins: Vec<PinWanted>,
    /// Who waits without a thread until what was committed is stored.
    waiting: Queue,
    looks_asked: u64,
    looks_done: u64,
    /// The worker has ended; whether in order.
    ended: Option<bool>,
    status: Status,
}

impl State {
    /// All destinations are other writers'.
    fn is_fenced(&self) -> bool {
        !self.destinations.is_empty() && self.destinations.iter().all(|d| d.fenced)
    }
}

impl Shared {
    pub(super) fn open(
        database: &Path,
        destinations: &[Destination],
        options: Options,
        hooks: Arc<dyn Hooks>,
    ) -> Result<Self, Error> {
        let log = Log::open(database, options.encoding, Arc::clone(&hooks))?;
        let names = log.names()?;
        let newest = names.last().map_or(Txid(0), |name| name.max);
        let proven = proven::read(database);
        let destination = |destination: &Destination| {
            let name = destination.name.clone();
            let (proven, is_readable) =
                (proven.get(&name).copied(), destination.replica.is_readable());
            let status =
                DestinationStatus { name, proven, is_readable, ..DestinationStatus::default() };
            let meter = Arc::clone(destination.replica.meter());
            DestinationState { meter, status, ..DestinationState::default() }
        };
        let destinations: Vec<_> = destinations.iter().map(destination).collect();
        let base = (newest > Txid(0) || destinations.is_empty()).then_some(newest);
        let log_bytes = names.iter().map(|name| log.bytes(*name)).sum();
        let status = Status { log_bytes, ..Status::default() };
        let state = State { newest, base, destinations, status, ..State::default() };
        Ok(Self {
            database: database.to_owned(),
            options,
            log,
            book: Book::open(database, hooks.now_ms()),
            tenures: Arc::new(Tenures::open(database)),
            failures: Failures::open(database),
            hooks,
            bell: Arc::default(),
            inherited: newest,
            opened: tokio::time::Instant::now(),
            state: Mutex::new(state),
            changed: Condvar::new(),
            news: watch::Sender::new(0),
        })
    }

    /// Asks the worker to stop when everything is stored, at the latest at the deadline; without
    /// one, after a last look.
    pub(super) fn stop(&self, until: Option<tokio::time::Instant>) {
        self.bell.stop(until);
    }

    // The worker's side.

    /// The number after which this process's files begin, once it is known. If no destination answers
    /// they begin all the same, and go on with a whole copy above what it has, when it does.
    pub(super) fn base(&self) -> Option<Txid> {
        let mut state = self.lock();
        if state.base.is_none() {
            let waits = self.opened.elapsed() < ANSWER_PATIENCE;
            state.base = state.floor.or((!waits).then_some(Txid(0)));
        }
        state.base
    }

    /// The newest local file, of those that were ever there.
    pub(super) fn newest(&self) -> Txid {
        self.lock().newest
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
        self.tell_waiting(state);
    }

    /// A look failed. That there is nothing to ship yet is nothing to complain of, nor is that there is
    /// still nobody to ship it to.
    pub(super) fn look_failed(&self, error: &Error) {
        let failure = self.failure(Txid(0), error);
        let status = &mut self.lock().status;
        let is_said = status.error.as_ref().is_some_and(|before| before.error == failure.error);
        let is_nothing = error.is_early() || error.is_rest() && is_said;
        if !is_nothing {
            status.failed_count += 1;
            status.failure = Some(failure.clone());
        }
        status.error = (!matches!(error, Error::Vacant { .. })).then_some(failure);
    }

    /// A local file was written; `anew` if it follows none.
    pub(super) fn wrote(&self, name: Name, anew: bool) {
        let (now, bytes) = (self.hooks.now_ms(), self.log.bytes(name));
        let mut state = self.lock();
        state.newest = name.max;
        state.status.batches += 1;
        state.status.log_bytes += bytes;
        state.status.beginnings += u64::from(anew);
        for destination in &mut state.destinations {
            destination.status.behind_since_ms.get_or_insert(now);
        }
        drop(state);
        self.tell();
    }

    /// The local log takes so much.
    pub(super) fn pruned(&self, log_bytes: u64) {
        self.lock().status.log_bytes = log_bytes;
    }

    /// Another process has committed something.
    pub(super) fn others_committed(&self) {
        if !self.hooks.commits() {
            return;
        }
        let now = self.hooks.now_ms();
        if self.lock().status.foreign_ms.replace(now).is_none() {
            let file = self.database.display();
            tracing::info!(%file, "another process writes this file, too: it does not wait for the backup, which has its commits a sync interval later; only clients of egret can wait for theirs (synchronous_commit)");
        }
    }

    pub(super) fn checkpointed(&self) {
        self.lock().status.checkpoints += 1;
    }

    /// Up to where nobody needs local files any more.
    pub(super) fn needless(&self) -> Txid {
        let state = self.lock();
        let waiting = state.destinations.iter().filter(|d| !d.cut && !d.fenced);
        waiting.map(|d| d.needless(state.newest)).min().unwrap_or(state.newest)
    }

    /// Keeps nothing more for the destination that is behind furthest, until it answers; false if
    /// none is behind.
    pub(super) fn cut_off(&self) -> bool {
        let mut state = self.lock();
        let newest = state.newest;
        let live = state.destinations.iter_mut().filter(|d| !d.cut && !d.fenced);
        let behind = live.filter(|d| d.needless(newest) < newest);
        let Some(furthest) = behind.min_by_key(|d| d.needless(newest)) else { return false };
        (furthest.cut, furthest.contacted) = (true, false);
        let (file, destination) = (self.database.display(), &furthest.status.name);
        tracing::warn!(%file, destination, "the local log is full: goes on with the whole database when this destination answers");
        drop(state);
        // Who waits for a job is to ask how far the destination is instead.
        self.tell();
        true
    }

    /// Somebody has deleted something of the destination: it is to say again how far it is.
    pub(super) fn lost_sight(&self, index: usize) {
        if let Some(destination) = self.lock().destinations.get_mut(index) {
            destination.contacted = false;
        }
        self.tell();
    }

    /// What the destination has does not restore: only a whole copy leads it on.
    pub(super) fn condemned(&self, index: usize) {
        if let Some(destination) = self.lock().destinations.get_mut(index) {
            (destination.condemned, destination.contacted) = (true, false);
            let (file, destination) = (self.database.display(), &destination.status.name);
            tracing::error!(%file, destination, "what this backup has does not restore: goes on with the whole database");
        }
        self.tell();
    }

    /// The destination has said how far it is.
    pub(super) fn is_contacted(&self, index: usize) -> bool {
        self.lock().destinations.get(index).is_some_and(|d| d.contacted)
    }

    /// Nothing is kept for any destination.
    pub(super) fn is_paused(&self) -> bool {
        let state = self.lock();
        !state.destinations.is_empty() && state.destinations.iter().all(|d| d.cut || d.fenced)
    }

    /// A destination is another writer's: not all that is committed is stored everywhere.
    pub(super) fn has_lost_one(&self) -> bool {
        self.lock().destinations.iter().any(|d| d.fenced)
    }

    /// All destinations are other writers'.
    pub(super) fn is_fenced(&self) -> bool {
        self.lock().is_fenced()
    }

    /// Since when something is on its way to every destination: what is committed meanwhile gathers
    /// for the next file.
    pub(super) fn busy_since(&self) -> Option<tokio::time::Instant> {
        let state = self.lock();
        let live = state.destinations.iter().filter(|d| !d.cut && !d.fenced);
        let since: Option<Vec<_>> = live.map(|d| d.busy).collect();
        since?.into_iter().max()
    }

    /// Others are about to wait, too: the next file may wait for them until then.
    pub(super) fn gathers_until(&self) -> Option<tokio::time::Instant> {
        self.lock().waiting.gathers_until()
    }

    /// The worker has ended, after a last look if that was in order.
    pub(super) fn worker_ended(&self, in_order: bool) {
        self.lock().ended = Some(in_order);
        self.changed.notify_all();
        self.tell();
    }

    /// Waits until the worker has ended; whether that was in order. Blocks the thread.
    pub(super) fn wait_ended(&self) -> bool {
        let mut state = self.lock();
        loop {
            if let Some(in_order) = state.ended {
                return in_order;
            }
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    // The uploads' side.

    pub(super) fn news(&self) -> watch::Receiver<u64> {
        self.news.subscribe()
    }

    /// A destination has said how far it is: by its files of level 0, and by any. It is sound if,
    /// as far as was looked, what it has is what was shipped from here. If this writer is not alone,
    /// others may still add to it.
    pub(super) fn contacted(
        &self,
        index: usize,
        stored: Txid,
        newest: Txid,
        is_sound: bool,
        is_alone: bool,
    ) {
        let mut state = self.lock();
        state.floor = Some(state.floor.unwrap_or_default().max(newest));
        let (base, local) = (state.base, state.newest);
        let Some(destination) = state.destinations.get_mut(index) else { return };
        let is_lost = mem::take(&mut destination.cut) | mem::take(&mut destination.condemned);
        (destination.contacted, destination.whole) = (true, None);
        let own = destination.status.stored_ms.map_or(Txid(0), |_| destination.status.stored);
        destination.status.stored = stored;
        // What is beyond its files of level 0 is another writer's, or may be: a number that is reserved.
        let diverged =
            is_lost || newest > stored || base.is_some_and(|base| newest > base.max(own));
        if diverged || !is_sound {
            let end = if is_alone { newest } else { end_of_room(newest) };
            destination.whole_above = Some(end);
        } else if stored == local {
            destination.status.behind_since_ms = None;
        }
        self.tell_waiting(state);
        self.bell.ring_urgently();
    }

    /// What to store next.
    pub(super) fn next_job(&self, index: usize) -> Option<Job> {
        let job = self.find_job(index);
        self.set_busy(index, matches!(job, Some(Job::Put(_))));
        job
    }

    fn set_busy(&self, index: usize, is_busy: bool) {
        if let Some(destination) = self.lock().destinations.get_mut(index) {
            destination.busy = is_busy.then(tokio::time::Instant::now);
        }
    }

    fn find_job(&self, index: usize) -> Option<Job> {
        let mut state = self.lock();
        let newest = state.newest;
        let destination = state.destinations.get_mut(index).filter(|d| d.contacted)?;
        let (stored, next) = (destination.status.stored, destination.status.stored.next());
        let above = match destination.whole_above {
            None if newest <= stored => return None,
            None if self.log.path(Name::single(next)).exists() => {
                return Some(Job::Put(Name::single(next)));
            }
            None => stored,
            Some(above) => above,
        };
        destination.whole_above = Some(above);
        Some(Job::Whole(above)).filter(|_| newest > Txid(0))
    }

    /// A destination has a file now.
    pub(super) fn stored(&self, index: usize, txid: Txid) {
        let now = self.hooks.now_ms();
        let mut state = self.lock();
        let (newest, mut took) = (state.newest, None);
        if let Some(destination) = state.destinations.get_mut(index) {
            took = destination.busy.map(|busy| busy.elapsed());
            if destination.whole.is_some() {
                destination.copied = txid;
            }
            (destination.whole_above, destination.whole, destination.busy) = (None, None, None);
            let status = &mut destination.status;
            status.stored = txid;
            status.stored_ms = Some(now);
            status.stored_count += 1;
            if txid >= newest {
                status.behind_since_ms = None;
            }
        }
        state.waiting.uploaded(took.unwrap_or_default());
        self.tell_waiting(state);
        if self.bell.is_stopped() || self.bell.is_urgent() {
            self.bell.wake();
        }
        self.note_usage(index);
    }

    /// An attempt failed.
    pub(super) fn upload_failed(&self, index: usize, txid: Txid, error: &Error) {
        let failure = self.failure(txid, error);
        self.with_status(index, |status| {
            status.failed_count += 1;
            status.failure = Some(failure.clone());
        });
        self.note_failure(index, &failure);
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

    /// The next local file cannot be used, or the one of this number that was to lead on from a whole
    /// copy: what comes after it only with another.
    pub(super) fn damaged(&self, index: usize, led: Option<Txid>) {
        if let Some(destination) = self.lock().destinations.get_mut(index) {
            destination.whole_above = Some(led.unwrap_or(destination.status.stored));
        }
    }

    /// A destination is another writer's, and what is committed from now on is not stored there.
    pub(super) fn fenced(&self, index: usize) {
        let (now, mut state) = (self.hooks.now_ms(), self.lock());
        if let Some(destination) = state.destinations.get_mut(index) {
            destination.fenced = true;
            destination.status.is_fenced = true;
            destination.status.behind_since_ms.get_or_insert(now);
        }
        self.tell_lost(state);
    }

    // The side of maintenance.

    /// The number up to which a destination has everything.
    pub(super) fn stored_in(&self, index: usize) -> Txid {
        self.lock().destinations.get(index).map_or(Txid(0), |d| d.status.stored)
    }

    /// This process has stored something there.
    pub(super) fn has_stored(&self, index: usize) -> bool {
        self.lock().destinations.get(index).is_some_and(|d| d.status.stored_count > 0)
    }

    /// A destination has what was shipped from here up to this number.
    pub(super) fn has(&self, index: usize, txid: Txid) -> bool {
        self.lock().destinations.get(index).is_some_and(|d| d.has(txid))
    }

    /// Every destination has the very moment after a transaction, if it has that.
    pub(super) fn has_moment(&self, txid: Txid) -> bool {
        self.lock().destinations.iter().all(|d| d.copied <= txid)
    }

    pub(super) fn has_lease(&self, index: usize, epoch: u64) {
        self.with_status(index, |status| status.epoch = epoch);
    }

    pub(super) fn merged(&self, index: usize) {
        self.with_status(index, |status| status.merged_count += 1);
        self.note_usage(index);
    }

    pub(super) fn deleted(&self, index: usize, count: usize) {
        self.with_status(index, |status| status.deleted_count += count as u64);
        self.note_usage(index);
    }

    pub(super) fn snapshot_stored(&self, index: usize, txid: Txid) {
        let now = self.hooks.now_ms();
        self.with_status(index, |status| {
            status.snapshot = Some((txid, now));
            status.snapshot_count += 1;
        });
        self.note_usage(index);
    }

    /// Maintenance failed.
    pub(super) fn maintenance_failed(&self, index: usize, error: &Error) {
        let failure = self.failure(Txid(0), error);
        self.with_status(index, |status| {
            status.maintenance_failed_count += 1;
            status.maintenance_failure = Some(failure.clone());
        });
        self.note_failure(index, &failure);
    }

    fn with_status(&self, index: usize, change: impl FnOnce(&mut DestinationStatus)) {
        if let Some(destination) = self.lock().destinations.get_mut(index) {
            change(&mut destination.status);
        }
    }

    /// Every destination that is not another writer's has all that was committed before the last look.
    pub(super) fn is_stored(&self) -> bool {
        let state = self.lock();
        if state.is_fenced() {
            return true;
        }
        // Of a file that never had a page there is nothing to store, wherever that would be.
        let nothing = state.newest == Txid(0);
        let is_stored = state.destinations.iter().all(|d| d.fenced || d.has(state.newest));
        state.status.error.is_none() && (nothing || is_stored)
    }

    pub(super) fn status(&self) -> Status {
        let state = self.lock();
        let destinations = state.destinations.iter().map(DestinationState::status).collect();
        Status { txid: state.newest, destinations, ..state.status.clone() }
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
