//! Looks at one file.
//!
//! What enters: the bell, and time. What leaves: looks at the file, each of which takes what was
//! committed to the local log, copies the log into the database when it is long, and deletes local
//! files that are no longer needed. The first commit after a pause is taken at once, those that
//! follow together, once in a sync interval, or, if somebody waits for them, as soon as what is on
//! its way has arrived; when the file is quiet there is nothing but a task that sleeps until somebody
//! rings.

use super::glance::Glance;
use super::lock::Lock;
use super::pace::Pace;
use super::progress::Shared;
use super::tail::{Lost, Synced, Tail};
use super::watch::Watch;
use super::{Error, memory, prune};
use crate::ltx::Txid;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Semaphore;
use tokio::time::Instant;

/// The wait after a first failed look; doubled after each further one.
const BACKOFF_MIN: Duration = Duration::from_millis(100);
/// The longest wait.
const BACKOFF_MAX: Duration = Duration::from_secs(5);
/// A ring that led to nothing makes the next one wait for this part of a sync interval.
const VAIN_PART: u32 = 16;
/// And it is followed by a look after this part of a sync interval, then after longer ones: a log
/// rings when it is written, and the commit comes when that is synced.
const AGAIN_PART: u32 = 64;
/// So much longer is each of these waits than the one before.
const AGAIN_FACTOR: u32 = 4;
/// How often a checkpoint that a writer stood in the way of is tried again.
const CHECKPOINT_RETRY: Duration = Duration::from_secs(1);

/// The system tells when a file is written that sleeps: it is looked at so much less often.
const WATCHED_POLLS: u32 = 4;

/// A file is quiet when it was not written for so long. Less would cost one that is written now and then
/// more than it saves.
const DOZE_AFTER: Duration = Duration::from_secs(2);
/// How many files are looked at at once, of all that this process ships.
static ROOM: Semaphore = Semaphore::const_new(32);

/// Serves one file until the shipper is stopped.
pub(super) async fn run(shared: Arc<Shared>, lock: Lock) {
    let mut ended = Ended { shared: Arc::clone(&shared), in_order: false, _lock: lock };
    let mut worker = Worker::new(Arc::clone(&shared));
    loop {
        match worker.next(Instant::now()) {
            Next::Look => {
                let Ok(_room) = ROOM.acquire().await else { return };
                let look = move || {
                    worker.look();
                    worker.doze();
                    worker
                };
                // It ends with the program, or with a mistake of ours that was told of already.
                let Ok(back) = tokio::task::spawn_blocking(look).await else { return };
                worker = back;
            }
            Next::Wait(until) => tokio::select! {
                () = tokio::time::sleep_until(until) => {}
                () = shared.bell.rung() => {}
            },
            Next::End => {
                worker.part();
                ended.in_order = true;
                return;
            }
        }
    }
}

/// Tells everybody that nobody looks any more, however that came to be.
struct Ended {
    shared: Arc<Shared>,
    in_order: bool,
    _lock: Lock,
}

impl Drop for Ended {
    fn drop(&mut self) {
        self.shared.worker_ended(self.in_order);
    }
}

/// What is next for a file.
enum Next {
    Look,
    /// Nothing before this, unless somebody rings.
    Wait(Instant),
    End,
}

/// Looks at one file.
pub(super) struct Worker {
    shared: Arc<Shared>,
    tail: Option<Tail>,
    watch: Option<Watch>,
    /// What the files looked like before the last look.
    seen: Option<Glance>,
    /// The last look found something.
    writing: bool,
    /// The last look found nothing, and something may come nevertheless: the wait for the next.
    again: Option<Duration>,
    /// Somebody may be checkpointing, and waiting for the mark to move.
    copying: bool,
    failures: u32,
    looked: Instant,
    pace: Pace,
    /// When a look last found something.
    wrote: Option<Instant>,
    /// What a quiet file does not need was given back, and the file has not been looked at since.
    dozing: bool,
    not_before: Option<Instant>,
    pruned: Option<Instant>,
    checkpoint_not_before: Option<Instant>,
    warned: bool,
    /// Was told to stop, and has looked since.
    ending: bool,
}

impl Worker {
    pub(super) fn new(shared: Arc<Shared>) -> Self {
        let pace = Pace::new(shared.options.foreign_pages);
        Self {
            shared,
            tail: None,
            watch: None,
            seen: None,
            writing: true,
            again: None,
            copying: false,
            failures: 0,
            looked: Instant::now(),
            pace,
            wrote: None,
            dozing: false,
            not_before: None,
            pruned: None,
            checkpoint_not_before: None,
            warned: false,
            ending: false,
        }
    }

    fn next(&mut self, now: Instant) -> Next {
        if self.shared.bell.is_stopped() {
            return self.next_at_end(now);
        }
        let due = self.due(now);
        if now < due {
            return Next::Wait(due);
        }
        if self.is_rung() || !self.is_unchanged() {
            return Next::Look;
        }
        self.looked = now;
        self.doze();
        Next::Wait(self.due(now))
    }

    /// Leaves a proof for the next process.
    fn part(&self) {
        if let Err(error) = self.tail.as_ref().map_or(Ok(()), Tail::part) {
            let file = self.shared.database.display();
            tracing::debug!(%file, %error, "no proof is left");
        }
    }

    /// Gives back what a quiet file does not need. One that was quiet before this process came does so
    /// at once: a process with many files has too many descriptors otherwise while it starts.
    fn doze(&mut self) {
        let is_quiet = || self.tail.as_ref().is_some_and(|t| t.glance().is_older_than(DOZE_AFTER));
        if !self.dozing && is_quiet() && self.fall_asleep() {
            memory::give_back_soon();
        }
    }

    /// True if the file sleeps now.
    pub(super) fn fall_asleep(&mut self) -> bool {
        let dozed = self.tail.as_mut().map_or(Ok(true), Tail::doze);
        self.dozing = dozed.unwrap_or_else(|error| {
            let file = self.shared.database.display();
            tracing::debug!(%file, %error, "stays awake");
            false
        });
        self.dozing
    }

    /// Looks a last time, and again as often as it takes to have everything stored.
    fn next_at_end(&mut self, now: Instant) -> Next {
        if !self.ending || self.is_rung_urgently() {
            self.ending = true;
            return Next::Look;
        }
        let until = self.shared.bell.stop_by().filter(|&until| now < until);
        let Some(until) = until.filter(|_| !self.shared.is_stored()) else { return Next::End };
        Next::Wait(self.not_before.map_or(until, |not_before| until.min(not_before)))
    }

    /// Somebody waits, or what failed is due to be tried again.
    fn is_rung_urgently(&self) -> bool {
        match self.not_before {
            Some(not_before) => Instant::now() >= not_before,
            None => self.shared.bell.is_urgent(),
        }
    }

    fn due(&self, now: Instant) -> Instant {
        let bell = &self.shared.bell;
        let options = &self.shared.options;
        let is_fresh = self.tail.as_ref().is_some_and(Tail::is_on_whole_file);
        let interval = self.pace.interval(options.sync_interval, is_fresh);
        let due = if bell.is_urgent() {
            match self.shared.busy_since() {
                Some(since) => since + options.sync_interval,
                None => self.shared.gathers_until().unwrap_or(now),
            }
        } else if bell.is_pending() {
            let vain = self.looked + interval / VAIN_PART;
            self.wrote.map_or(vain, |wrote| vain.max(wrote + interval))
        } else if let Some(wait) = self.again {
            let again = self.looked + wait;
            self.wrote.map_or(again, |wrote| again.max(wrote + interval))
        } else if self.writing || self.failures > 0 {
            self.looked + interval
        } else {
            self.looked + self.poll_interval()
        };
        self.not_before.map_or(due, |not_before| due.max(not_before))
    }

    /// How often a file is looked at that nobody is known to write.
    fn poll_interval(&self) -> Duration {
        let interval = self.shared.options.poll_interval;
        let is_watched = self.watch.as_ref().is_some_and(Watch::is_armed);
        match (self.dozing, is_watched) {
            (false, _) => interval.min(DOZE_AFTER),
            (true, false) => interval,
            (true, true) => interval.saturating_mul(WATCHED_POLLS),
        }
    }

    fn is_rung(&self) -> bool {
        let is_expected = self.writing || self.again.is_some() || self.failures > 0;
        is_expected || self.shared.bell.is_pending()
    }

    /// Neither the file nor its log has changed since before the last look.
    fn is_unchanged(&self) -> bool {
        self.tail.as_ref().map(Tail::glance) == self.seen && self.seen.is_some()
    }

    /// Takes what was committed, and does what is due.
    pub(super) fn look(&mut self) {
        let was_rung = self.shared.bell.is_pending();
        let asked = self.shared.begin_look();
        let was_told = self.shared.bell.take_own();
        let time = self.looked.elapsed();
        (self.looked, self.dozing) = (Instant::now(), false);
        self.seen = self.tail.as_ref().map(Tail::glance);
        let taken = self.take().and_then(|wrote| Ok(self.pin()? || wrote));
        let looked = taken.and_then(|wrote| {
            let wal_len = self.tail.as_ref().map_or(0, Tail::wal_len);
            self.shared.looked(asked, wal_len);
            self.warn_of_long_log(wal_len);
            self.prune()?;
            Ok(wrote)
        });
        self.shared.hooks.taken();
        self.note_pace(time, was_told);
        match looked {
            Ok(wrote) => self.succeeded(wrote, was_rung),
            Err(error) => self.failed(&error),
        }
    }

    /// What was taken was others' if nobody here had committed, and nobody was about to.
    fn note_pace(&mut self, time: Duration, was_told: bool) {
        let taken = self.tail.as_mut().map_or(0, Tail::take_count);
        let shared = &self.shared;
        // In this order: whoever is not writing any more has told of it.
        let is_own = was_told || shared.hooks.is_writing() || shared.bell.has_own();
        if taken > 0 && !is_own {
            shared.others_committed();
            self.pace.note(taken, time, shared.options.sync_interval);
        }
    }

    fn succeeded(&mut self, wrote: bool, was_rung: bool) {
        (self.failures, self.not_before) = (0, None);
        if wrote {
            self.wrote = Some(self.looked);
        }
        // While the file is written the next look is due anyway.
        self.writing = wrote || self.copying;
        self.again = if self.writing { None } else { self.next_wait(was_rung) };
    }

    /// The wait for what may come although the last look found nothing.
    fn next_wait(&mut self, was_rung: bool) -> Option<Duration> {
        let interval = self.shared.options.sync_interval;
        // What was written before the watch was armed did not ring.
        if self.watch.as_mut().is_some_and(Watch::arm) {
            return Some(if was_rung { interval / AGAIN_PART } else { interval });
        }
        self.again.map(|wait| wait * AGAIN_FACTOR).filter(|&wait| wait <= interval)
    }

    fn failed(&mut self, error: &Error) {
        self.shared.look_failed(error);
        let file = self.shared.database.display();
        // That the log is full was said when it happened.
        let waits = matches!(error, Error::Unnumbered { .. } | Error::Vacant { .. });
        let rests = error.is_rest();
        if self.failures == 0 && !waits && !rests {
            tracing::warn!(%file, %error, "not shipped, will try again");
        }
        if !rests && !matches!(error, Error::Busy { .. } | Error::Vacant { .. }) {
            // The keeper may have lost its mark; a new one starts by proving where it is.
            (self.tail, self.watch, self.again) = (None, None, None);
        }
        if matches!(error, Error::Replaced { .. }) {
            self.shared.hooks.replaced();
        }
        let wait = BACKOFF_MIN.saturating_mul(1 << self.failures.min(10)).min(BACKOFF_MAX);
        self.failures = self.failures.saturating_add(1);
        let urgent_wait = matches!(error, Error::Unnumbered { .. });
        self.not_before = (!urgent_wait).then(|| Instant::now() + wait);
    }

    /// Takes everything committed to the local log, in a checkpoint if one is due; true if there was
    /// anything.
    fn take(&mut self) -> Result<bool, Error> {
        if !self.is_checkpoint_due() {
            return self.take_all();
        }
        // Writers wait while a checkpoint reads what is left: that must not be much.
        let pages = self.checkpoint_pages();
        let unread = self.tail.as_ref().map_or(Ok(0), Tail::unread_frames)?;
        let before = unread > pages && self.take_all()?;
        let wrote = match self.checkpoint()? {
            Some(wrote) => wrote,
            None => self.take_all()?,
        };
        Ok(before || wrote)
    }

    /// Begins the read transactions that are waited for; true if that wrote something.
    fn pin(&mut self) -> Result<bool, Error> {
        let (shared, mut wrote) = (&self.shared, false);
        let Some(tail) = &mut self.tail else { return Ok(false) };
        for pin in shared.take_pins() {
            while !pin.sender.is_closed() {
                let pinned = tail.pin(pin.above, &mut |name| {
                    shared.wrote(name, false);
                    wrote = true;
                })?;
                match pinned {
                    // Whoever waited may have given up.
                    Ok(pinned) => {
                        drop(pin.sender.send(pinned));
                        break;
                    }
                    Err(lost) => {
                        begin_anew(shared, tail, lost)?;
                        wrote = true;
                    }
                }
            }
        }
        Ok(wrote)
    }

    /// Takes everything committed to the local log; true if there was anything.
    fn take_all(&mut self) -> Result<bool, Error> {
        let shared = Arc::clone(&self.shared);
        if shared.is_paused() {
            return self.rest();
        }
        let mut wrote = self.attach()?;
        let Some(tail) = &mut self.tail else { return Ok(wrote) };
        if tail.raise(shared.floor()) {
            begin_anew(&shared, tail, Lost::Behind)?;
            wrote = true;
        }
        wrote |= drain(&shared, tail)?;
        self.copying = tail.settle()?;
        Ok(wrote)
    }

    /// Leaves the file to itself while no store is there to take it.
    fn rest(&mut self) -> Result<bool, Error> {
        if self.tail.is_none() {
            self.keep(self.open(Txid(0))?);
        }
        if let Some(tail) = &mut self.tail {
            tail.rest(self.shared.options.checkpoint_pages)?;
        }
        let path = self.shared.database.clone();
        Err(if self.shared.is_fenced() { Error::Taken { path } } else { Error::LogFull { path } })
    }

    /// Opens the file if it is not open; true if that wrote something.
    fn attach(&mut self) -> Result<bool, Error> {
        if self.tail.is_some() {
            return Ok(false);
        }
        let shared = &self.shared;
        let Some(base) = shared.base() else {
            return Err(Error::Unnumbered { path: shared.database.clone() });
        };
        let mut tail = self.open(base)?;
        let mut wrote = false;
        let lost = tail.attach(&mut |name| {
            shared.wrote(name, false);
            wrote = true;
        })?;
        if let Some(lost) = lost {
            begin_anew(shared, &mut tail, lost)?;
            wrote = true;
        }
        self.keep(tail);
        Ok(wrote)
    }

    /// Opens the file; what is taken from it is numbered above this.
    fn open(&self, base: Txid) -> Result<Tail, Error> {
        let shared = &self.shared;
        let hooks = Arc::clone(&shared.hooks);
        let mut tail = Tail::open(&shared.database, shared.log.clone(), hooks, &shared.options)?;
        // Numbers that were given are not given again, though the local log be deleted meanwhile.
        tail.raise(base.max(shared.newest()));
        Ok(tail)
    }

    fn keep(&mut self, tail: Tail) {
        let shared = &self.shared;
        let watched = [shared.database.clone(), tail.wal().to_owned()];
        self.watch = Some(Watch::new(watched, Arc::clone(&shared.bell)));
        (self.seen, self.tail) = (None, Some(tail));
    }

    /// The log is long. Whoever waits for a look has not to wait for a checkpoint, too, while that
    /// can wait.
    fn is_checkpoint_due(&self) -> bool {
        let shared = &self.shared;
        let patience = 1 + u64::from(shared.is_awaited());
        let long = self.checkpoint_pages().saturating_mul(patience);
        let too_early = self.checkpoint_not_before.is_some_and(|at| Instant::now() < at);
        let frames = self.tail.as_ref().map_or(0, Tail::frames_since_checkpoint);
        frames >= long && !too_early
    }

    fn checkpoint_pages(&self) -> u64 {
        self.pace.checkpoint_pages(self.shared.options.checkpoint_pages)
    }

    /// Copies the log into the database; whether that took anything to the local log, or none if a
    /// writer was in the way.
    fn checkpoint(&mut self) -> Result<Option<bool>, Error> {
        let shared = &self.shared;
        let Some(tail) = &mut self.tail else { return Ok(None) };
        let mut wrote = false;
        let done = tail.checkpoint(shared.options.truncate_bytes, &mut |name| {
            shared.wrote(name, false);
            wrote = true;
        })?;
        if done {
            shared.checkpointed();
        }
        self.checkpoint_not_before = (!done).then(|| Instant::now() + CHECKPOINT_RETRY);
        Ok(done.then_some(wrote))
    }

    fn warn_of_long_log(&mut self, wal_len: u64) {
        let long = wal_len > self.shared.options.warn_bytes;
        if long && !self.warned {
            let file = self.shared.database.display();
            tracing::warn!(%file, wal_len, "some reader keeps the log from being started over");
        }
        self.warned = long;
    }

    fn prune(&mut self) -> Result<(), Error> {
        if self.pruned.is_some_and(|pruned| pruned.elapsed() < self.shared.options.prune_interval) {
            return Ok(());
        }
        self.pruned = Some(Instant::now());
        prune::prune(&self.shared)
    }
}

/// Writes what is committed by now; true if there was anything. What is committed meanwhile waits for
/// the next look: while a file is being written there would be no end.
fn drain(shared: &Shared, tail: &mut Tail) -> Result<bool, Error> {
    let mut wrote = false;
    loop {
        let rest = match tail.sync()? {
            Synced::Nothing => return Ok(wrote),
            Synced::Wrote(name, rest) => {
                shared.wrote(name, false);
                rest
            }
            Synced::Lost(lost) => {
                begin_anew(shared, tail, lost)?;
                false
            }
        };
        if !rest {
            return Ok(true);
        }
        wrote = true;
    }
}

fn begin_anew(shared: &Shared, tail: &mut Tail, why: Lost) -> Result<(), Error> {
    let name = tail.begin_anew()?;
    let file = shared.database.display();
    if why == Lost::Behind {
        tracing::warn!(%file, txid = %name.max, "the backup has more than what was shipped from here: that can be restored by its time, and the newest is this file from now on");
    }
    tracing::info!(%file, txid = %name.max, %why, "begins anew, with the whole database");
    shared.wrote(name, true);
    Ok(())
}
