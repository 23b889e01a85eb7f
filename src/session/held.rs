//! Answers that are held back until the commit they tell of is as durable as was asked for.
//!
//! A commit is visible at once. With `synchronous_commit = local` its client is told when the log is
//! synced, with `on` when every destination of the backup has it. Meanwhile the answer stays in the
//! output, and the thread serves others; so commits that come together share a sync and an upload
//! however few threads there are. What the client has sent further is run, and its answers wait
//! behind this one.

use super::error::{Failure, Notice};
use super::server::State;
use super::{OUTPUT_MAX, Session};
use crate::database::Stored;
use crate::sqlite::Synchronous;
use std::io;
use std::sync::Arc;
use std::task::{Wake, Waker};
use std::thread::{self, Thread};
use std::time::{Duration, Instant};

/// How often somebody who keeps a thread for his wait looks whether the server stops.
const PATIENCE: Duration = Duration::from_millis(50);

/// The answers that wait.
pub(super) struct Held {
    /// Where the first of them begins in the output.
    at: usize,
    /// The newest commit of those that the log is to be synced for.
    logged: Option<u64>,
    /// Whether every destination has it.
    stored: Option<Stored>,
    /// When it is no longer waited for destinations.
    until: Option<Instant>,
    /// Others are to have their turn before it is looked how far the log is.
    new: bool,
}

impl Held {
    fn at(at: usize) -> Self {
        Self { at, logged: None, stored: None, until: None, new: true }
    }

    pub(super) fn is_new(&self) -> bool {
        self.new
    }

    pub(super) fn until(&self) -> Option<Instant> {
        self.until
    }
}

struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

/// Wakes the thread that calls this.
pub(super) fn this_thread() -> Waker {
    Arc::new(Unpark(thread::current())).into()
}

impl Session {
    /// What is answered from here on tells of a commit that was just made.
    pub(super) fn hold_answer(&mut self) -> Result<(), Failure> {
        let is_logged = self.effective.synchronous == Synchronous::Full
            && self.connection()?.logs().map_err(|error| self.failure(error))?;
        let logged = is_logged.then(|| self.database().log_sync().appended());
        let waits_for_store = self.effective.waits_for_store;
        let stored = waits_for_store.then(|| self.ask_stored()).flatten();
        if logged.is_none() && stored.is_none() {
            return Ok(());
        }
        let limits = [self.effective.statement_timeout, self.effective.lock_timeout];
        let limit = limits.into_iter().flatten().min().filter(|_| stored.is_some());
        let until = limit.map(|limit| Instant::now() + limit);
        let end = self.reply.len();
        let held = self.held.get_or_insert_with(|| Held::at(end));
        held.logged = logged.or(held.logged);
        held.stored = stored.or(held.stored.take());
        held.new = held.stored.as_ref().is_none_or(Stored::leads);
        held.until = [held.until, until].into_iter().flatten().min();
        Ok(())
    }

    fn ask_stored(&self) -> Option<Stored> {
        let shipper = self.database().shipper()?;
        Some(shipper.when_stored(Arc::clone(self.backend.seat()).into()))
    }

    /// Sends what was gathered, or leaves it to a later turn if it is held back.
    pub(super) fn answer(&mut self) -> io::Result<()> {
        if self.held.is_some() && self.reply.len() < OUTPUT_MAX { Ok(()) } else { self.flush() }
    }

    /// Sends what was held back if it may be told by now.
    pub(super) fn answer_held(&mut self) -> io::Result<()> {
        let waker = Arc::clone(self.backend.seat()).into();
        match self.may_tell(&waker) {
            Ok(true) => {
                self.backend.cancel.end();
                self.backend.set_state(self.state());
                self.flush()
            }
            Ok(false) => Ok(()),
            Err(failure) => self.take_back(&failure),
        }
    }

    /// Waits on this thread until nothing is held back.
    pub(super) fn wait_until_durable(&mut self) -> Result<(), Failure> {
        let waker = this_thread();
        while !self.may_tell(&waker)? {
            self.backend.seat().step_aside();
            self.backend.cancel.wakes(waker.clone());
            thread::park_timeout(PATIENCE);
        }
        Ok(())
    }

    /// The answers are taken back, and the session ends with an error: what was committed may be lost.
    pub(super) fn take_back(&mut self, failure: &Failure) -> io::Result<()> {
        let at = self.held.take().map_or(self.reply.len(), |held| held.at);
        self.reply.truncate(at);
        self.reply.error(failure);
        self.flush()?;
        self.broken = true;
        Err(io::ErrorKind::BrokenPipe.into())
    }

    /// True if nothing is held back any more; otherwise `waker` is woken when that may have changed.
    /// Of those whose commits are on their way to the stores together only the first syncs the log at
    /// once: for the others one sync is enough, which the shipper sees to.
    fn may_tell(&mut self, waker: &Waker) -> Result<bool, Failure> {
        let Some(held) = &mut self.held else { return Ok(true) };
        held.new = false;
        if held.stored.as_ref().is_some_and(Stored::is_never) {
            return Err(Failure::commit_not_stored());
        }
        let is_stored = held.stored.as_ref().is_none_or(Stored::is_done);
        let leads = held.stored.as_ref().is_some_and(Stored::leads);
        let is_over = is_stored || self.is_given_up();
        let is_logged = (is_over || leads) && self.is_logged(waker)?;
        if !is_over || !is_logged {
            return Ok(false);
        }
        if !is_stored {
            self.warn_of_given_up();
        }
        self.held = None;
        Ok(true)
    }

    /// The log is synced as far as it has to be, or is now; otherwise as [`Self::may_tell`].
    fn is_logged(&mut self, waker: &Waker) -> Result<bool, Failure> {
        let Some(number) = self.held.as_ref().and_then(|held| held.logged) else { return Ok(true) };
        let (database, seat) = (&self.backend.database, self.backend.seat());
        let long = database.log_sync().takes_long();
        let synced = database.make_durable(number, waker, || {
            if long {
                seat.step_aside();
            }
        });
        synced.map_err(|_told| Failure::commit_not_durable())
    }

    /// It is to be waited no longer for a destination.
    fn is_given_up(&self) -> bool {
        let late = self.held.as_ref().and_then(|held| held.until);
        late.is_some_and(|until| Instant::now() >= until)
            || self.backend.cancel.reason().is_some()
            || self.server.is_stopping()
    }

    /// Whoever cancels the wait is told that the commit stands all the same, before he is told that it
    /// was made.
    fn warn_of_given_up(&mut self) {
        let Some(held) = &self.held else { return };
        let message = "canceling wait for synchronous replication due to user request";
        let mut warning = Notice::warning("01000", message);
        warning.failure.detail = Some(
            "The transaction has already committed locally, but might not have been \
             stored in every destination."
                .to_owned(),
        );
        self.reply.insert_notice(held.at, &warning);
    }

    /// The turn ends while answers are held back: from now on it can be cancelled that they are.
    pub(super) fn leave_held(&mut self) {
        self.backend.cancel.wakes(Arc::clone(self.backend.seat()).into());
        self.backend.cancel.arm();
        self.backend.set_state(State::Active);
    }
}
