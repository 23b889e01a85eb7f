//! The thread that looks at one file.
//!
//! What enters: the bell, and time. What leaves: looks at the file, each of which takes what was
//! committed to the local log, copies the log into the database when it is long, and deletes local
//! files that are no longer needed. While a file is being written the thread looks once in a sync
//! interval; when it is quiet the thread sleeps until somebody rings.

use super::Error;
use super::progress::Shared;
use super::tail::{Glance, Lost, Synced, Tail};
use super::watch::Watch;
use crate::ltx::Txid;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

/// The wait after a first failed look; doubled after each further one.
const BACKOFF_MIN: Duration = Duration::from_millis(100);
/// The longest wait.
const BACKOFF_MAX: Duration = Duration::from_secs(5);
/// How often local files are looked through for ones to delete.
const PRUNE_INTERVAL: Duration = Duration::from_secs(10);
/// How often a checkpoint that a writer stood in the way of is tried again.
const CHECKPOINT_RETRY: Duration = Duration::from_secs(1);

/// Serves one file until the shipper is stopped.
pub(super) fn run(shared: &Arc<Shared>) {
    shared.bell.hang();
    let mut worker = Worker {
        shared,
        tail: None,
        watch: None,
        seen: None,
        writing: true,
        failures: 0,
        looked: Instant::now(),
        not_before: None,
        pruned: None,
        checkpoint_not_before: None,
        warned: false,
    };
    worker.look();
    while worker.wait() {
        worker.look();
    }
    worker.finish();
    drop(worker);
    shared.worker_ended();
}

struct Worker<'a> {
    shared: &'a Arc<Shared>,
    tail: Option<Tail>,
    watch: Option<Watch>,
    /// What the files looked like before the last look.
    seen: Option<Glance>,
    /// The last look found something.
    writing: bool,
    failures: u32,
    looked: Instant,
    not_before: Option<Instant>,
    pruned: Option<Instant>,
    checkpoint_not_before: Option<Instant>,
    warned: bool,
}

impl Worker<'_> {
    /// Sleeps until it is time to look; false if it is time to stop.
    fn wait(&mut self) -> bool {
        loop {
            if self.shared.bell.is_stopped() {
                return false;
            }
            let now = Instant::now();
            let due = self.due(now);
            if now >= due && (self.is_rung() || !self.is_unchanged()) {
                return true;
            }
            if now >= due {
                self.looked = now;
                continue;
            }
            std::thread::park_timeout(due - now);
        }
    }

    /// Looks a last time, and again as often as it takes to have everything stored.
    fn finish(&mut self) {
        loop {
            self.look();
            while !self.is_rung_urgently() {
                let now = Instant::now();
                let until = self.shared.bell.stop_by().filter(|&until| now < until);
                let Some(until) = until.filter(|_| !self.shared.is_stored()) else { return };
                let next = self.not_before.map_or(until, |not_before| until.min(not_before));
                std::thread::park_timeout(next.saturating_duration_since(now));
            }
        }
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
        let due = if bell.is_urgent() {
            now
        } else if self.is_rung() {
            self.looked + options.sync_interval
        } else {
            self.looked + options.poll_interval
        };
        self.not_before.map_or(due, |not_before| due.max(not_before))
    }

    fn is_rung(&self) -> bool {
        self.writing || self.failures > 0 || self.shared.bell.is_pending()
    }

    /// Neither the file nor its log has changed since before the last look.
    fn is_unchanged(&self) -> bool {
        self.tail.as_ref().map(Tail::glance) == self.seen && self.seen.is_some()
    }

    fn look(&mut self) {
        let asked = self.shared.begin_look();
        self.looked = Instant::now();
        self.seen = self.tail.as_ref().map(Tail::glance);
        let looked = self.take_all().and_then(|wrote| {
            // Whoever waits for this look has not to wait for a checkpoint, too.
            let wal_len = self.tail.as_ref().map_or(0, Tail::wal_len);
            self.shared.looked(asked, wal_len);
            self.warn_of_long_log(wal_len);
            self.checkpoint()?;
            self.prune()?;
            Ok(wrote)
        });
        match looked {
            Ok(wrote) => self.succeeded(wrote),
            Err(error) => self.failed(&error),
        }
    }

    fn succeeded(&mut self, wrote: bool) {
        (self.failures, self.not_before) = (0, None);
        let rearmed = match &mut self.watch {
            Some(watch) if wrote => {
                watch.disarm();
                false
            }
            Some(watch) => watch.arm(),
            None => false,
        };
        // What was written before the watch was armed did not ring: look once more.
        self.writing = wrote || rearmed;
    }

    fn failed(&mut self, error: &Error) {
        self.shared.look_failed(error);
        let file = self.shared.database.display();
        let waits = matches!(error, Error::Unnumbered { .. } | Error::Vacant { .. });
        if self.failures == 0 && !waits {
            tracing::warn!(%file, %error, "not shipped, will try again");
        }
        if !matches!(error, Error::Busy { .. } | Error::Vacant { .. }) {
            // The keeper may have lost its mark; a new one starts by proving where it is.
            (self.tail, self.watch) = (None, None);
        }
        let wait = BACKOFF_MIN.saturating_mul(1 << self.failures.min(10)).min(BACKOFF_MAX);
        self.failures = self.failures.saturating_add(1);
        let urgent_wait = matches!(error, Error::Unnumbered { .. });
        self.not_before = (!urgent_wait).then(|| Instant::now() + wait);
    }

    /// Takes everything committed to the local log; true if there was anything.
    fn take_all(&mut self) -> Result<bool, Error> {
        let shared = self.shared;
        let mut wrote = self.attach()?;
        let Some(tail) = &mut self.tail else { return Ok(wrote) };
        if tail.raise(shared.floor()) || shared.full_wanted() {
            write_full(shared, tail, Lost::Asked)?;
            wrote = true;
        }
        wrote |= drain(shared, tail)?;
        Ok(wrote)
    }

    /// Opens the file if it is not open; true if that wrote something.
    fn attach(&mut self) -> Result<bool, Error> {
        if self.tail.is_some() {
            return Ok(false);
        }
        let shared = self.shared;
        let Some(base) = shared.base() else {
            return Err(Error::Unnumbered { path: shared.database.clone() });
        };
        let hooks = Arc::clone(&shared.hooks);
        let mut tail = Tail::open(&shared.database, shared.log.clone(), hooks, &shared.options)?;
        tail.raise(base);
        let mut wrote = false;
        let lost = tail.attach(&mut |name| {
            shared.wrote(name, false);
            wrote = true;
        })?;
        if let Some(lost) = lost {
            write_full(shared, &mut tail, lost)?;
            wrote = true;
        }
        self.watch = Some(Watch::new(tail.wal(), Arc::clone(&shared.bell)));
        self.seen = None;
        self.tail = Some(tail);
        Ok(wrote)
    }

    fn checkpoint(&mut self) -> Result<(), Error> {
        let now = Instant::now();
        let Some(tail) = &mut self.tail else { return Ok(()) };
        let shared = self.shared;
        if tail.frames_since_checkpoint() < shared.options.checkpoint_pages
            || self.checkpoint_not_before.is_some_and(|not_before| now < not_before)
        {
            return Ok(());
        }
        let mut wrote = |name| shared.wrote(name, false);
        if tail.checkpoint(shared.options.truncate_bytes, &mut wrote)? {
            shared.checkpointed();
            self.checkpoint_not_before = None;
        } else {
            self.checkpoint_not_before = Some(now + CHECKPOINT_RETRY);
        }
        Ok(())
    }

    fn warn_of_long_log(&mut self, wal_len: u64) {
        let long = wal_len > self.shared.options.warn_bytes;
        if long && !self.warned {
            let file = self.shared.database.display();
            tracing::warn!(%file, wal_len, "some reader keeps the log from being started over");
        }
        self.warned = long;
    }

    /// Deletes local files that every destination has had for long enough, except the newest.
    fn prune(&mut self) -> Result<(), Error> {
        if self.pruned.is_some_and(|pruned| pruned.elapsed() < PRUNE_INTERVAL) {
            return Ok(());
        }
        self.pruned = Some(Instant::now());
        let stored: Txid = self.shared.stored_everywhere();
        let log = &self.shared.log;
        let mut names = log.names()?;
        names.pop();
        for name in names.into_iter().filter(|name| name.max <= stored) {
            let written = std::fs::metadata(log.path(name)).and_then(|file| file.modified());
            let age = written.map(|at| SystemTime::now().duration_since(at).unwrap_or_default());
            if age.is_ok_and(|age| age >= self.shared.options.local_retention) {
                log.remove(name)?;
            }
        }
        Ok(())
    }
}

/// Writes batches until there is nothing left; true if there was anything.
fn drain(shared: &Shared, tail: &mut Tail) -> Result<bool, Error> {
    let mut wrote = false;
    loop {
        match tail.sync()? {
            Synced::Nothing => return Ok(wrote),
            Synced::Wrote(name) => shared.wrote(name, false),
            Synced::Lost(lost) => write_full(shared, tail, lost)?,
        }
        wrote = true;
    }
}

fn write_full(shared: &Shared, tail: &mut Tail, why: Lost) -> Result<(), Error> {
    let name = tail.full()?;
    let file = shared.database.display();
    tracing::info!(%file, txid = %name.max, %why, "shipped the whole database");
    shared.wrote(name, true);
    Ok(())
}
