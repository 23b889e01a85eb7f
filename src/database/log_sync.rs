//! Group commit: commits of one file that wait together are made durable by one sync of its log.
//!
//! In WAL mode SQLite appends a commit to the log and, asked to be durable, syncs the log before the
//! next writer may begin. Here the turn to write ends with the append: whoever comes first to have a
//! commit made durable syncs the log for all commits that are in it by then. Others do not wait
//! meanwhile: they are woken, and the first of them syncs for all that were appended since. PostgreSQL
//! does the same with its own log. As there with `synchronous_commit = off`, others may read a commit
//! in the moment before it is durable; the client that made it is answered afterwards, and whoever
//! writes what it read has to have both synced.

use crate::sqlite::Error;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::Waker;
use std::time::{Duration, Instant};

/// A sync that takes longer is one that others should not have to wait for: about ten times what it
/// costs to leave their thread to them.
const LONG: Duration = Duration::from_micros(250);

/// How far the log of one file is synced.
#[derive(Debug, Default)]
pub struct LogSync {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// Commits that were appended to the log.
    appended: u64,
    /// How many of them are durable.
    synced: u64,
    /// Somebody is syncing.
    syncing: bool,
    /// Who is to be woken afterwards.
    waiting: Vec<Waker>,
    /// How long the last sync took.
    took: Duration,
    /// A sync failed: what the system has not written it may have forgotten, so no later sync
    /// proves anything.
    failed: Option<Error>,
}

impl LogSync {
    /// A sync has failed, and nothing is durable any more until the program starts anew.
    ///
    /// # Errors
    /// That of the sync.
    pub fn check(&self) -> Result<(), Error> {
        self.lock().failed.clone().map_or(Ok(()), Err)
    }

    /// Syncs of this log are worth a thread of their own.
    #[must_use]
    pub fn takes_long(&self) -> bool {
        self.lock().took > LONG
    }

    /// A commit was just appended to the log: its number.
    pub fn appended(&self) -> u64 {
        let mut state = self.lock();
        state.appended += 1;
        state.appended
    }

    /// The newest commit that was appended.
    #[must_use]
    pub fn newest(&self) -> u64 {
        self.lock().appended
    }

    /// The commit of a number is durable; `sync` is called if it has to be made so. False if somebody
    /// else is syncing: then `waker` is woken when that is over, which may have been too early.
    ///
    /// # Errors
    /// The log was not synced: the commit stands, but a crash of the machine may undo it.
    pub fn settle(
        &self,
        number: u64,
        waker: &Waker,
        sync: impl FnOnce() -> Result<(), Error>,
    ) -> Result<bool, Error> {
        let mut state = self.lock();
        if let Some(error) = &state.failed {
            return Err(error.clone());
        }
        if state.synced >= number {
            return Ok(true);
        }
        if state.syncing {
            state.waiting.push(waker.clone());
            return Ok(false);
        }
        state.syncing = true;
        let until = state.appended;
        drop(state);
        let began = Instant::now();
        let done = sync();
        let mut state = self.lock();
        (state.syncing, state.took) = (false, began.elapsed());
        match &done {
            Ok(()) => state.synced = until,
            Err(error) => state.failed = Some(error.clone()),
        }
        let waiting = std::mem::take(&mut state.waiting);
        drop(state);
        waiting.into_iter().for_each(Waker::wake);
        done.map(|()| true)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU32, Ordering};
    use std::task::Wake;
    use std::thread::{self, Thread};

    struct Unpark(Thread);

    impl Wake for Unpark {
        fn wake(self: Arc<Self>) {
            self.0.unpark();
        }
    }

    /// Appends a commit and waits until it is durable.
    fn commit(log: &LogSync, sync: impl Fn() -> Result<(), Error>) -> Result<(), Error> {
        let (number, waker) = (log.appended(), Arc::new(Unpark(thread::current())).into());
        while !log.settle(number, &waker, &sync)? {
            thread::park();
        }
        Ok(())
    }

    #[test]
    fn commits_that_wait_together_share_a_sync() {
        let (log, syncs) = (LogSync::default(), AtomicU32::new(0));
        let sync = || {
            syncs.fetch_add(1, Ordering::SeqCst);
            thread::sleep(Duration::from_millis(2));
            Ok(())
        };
        thread::scope(|scope| {
            for _ in 0..16 {
                scope.spawn(|| (0..20).for_each(|_| commit(&log, sync).unwrap()));
            }
        });
        let syncs = syncs.into_inner();
        assert!((20..=160).contains(&syncs), "{syncs} syncs for 320 commits");
        assert_eq!(log.lock().synced, 320);
    }

    #[test]
    fn nobody_is_answered_before_a_sync_that_began_later() {
        let (log, appended, durable) = <(LogSync, AtomicU32, AtomicU32)>::default();
        thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    for _ in 0..200 {
                        let own = appended.fetch_add(1, Ordering::SeqCst) + 1;
                        let sync = || {
                            let before = appended.load(Ordering::SeqCst);
                            thread::yield_now();
                            durable.fetch_max(before, Ordering::SeqCst);
                            Ok(())
                        };
                        commit(&log, sync).unwrap();
                        assert!(durable.load(Ordering::SeqCst) >= own);
                    }
                });
            }
        });
    }

    #[test]
    fn after_a_sync_that_failed_nothing_is_promised() {
        let log = LogSync::default();
        let failure =
            || Error::Engine { code: 1034, message: "disk I/O error".into(), offset: None };
        assert!(log.check().is_ok());
        assert!(commit(&log, || Err(failure())).is_err());
        assert!(commit(&log, || Ok(())).is_err());
        assert!(log.check().is_err());
    }
}
