//! The side of those who wait for what was committed: on a thread, or without one.

use super::stored::Stored;
use super::{DestinationState, Shared, State};
use crate::ltx::Txid;
use crate::shipper::Error;
use std::sync::{MutexGuard, PoisonError};
use std::task::Waker;
use std::time::Instant;

impl Shared {
    /// Whether what was committed before the call is in every destination; `waker` is woken when it is,
    /// or never will be.
    pub(in crate::shipper) fn when_stored(&self, waker: Waker) -> Stored {
        let mut state = self.lock();
        state.looks_asked += 1;
        let asked = state.looks_asked;
        let mut stored = state.waiting.push(asked, waker);
        if state.destinations.iter().any(|d| d.fenced) {
            self.tell_lost(state);
            return stored;
        }
        let is_last = state.waiting.is_complete();
        drop(state);
        stored.leads = self.bell.ask();
        if stored.leads || is_last {
            self.bell.wake();
        }
        stored
    }

    pub(in crate::shipper) fn wait_logged(&self, deadline: Option<Instant>) -> Result<Txid, Error> {
        self.wait_looked(self.ask_look(), deadline)
    }

    /// Asks for a look; its number.
    pub(in crate::shipper) fn ask_look(&self) -> u64 {
        let mut state = self.lock();
        state.looks_asked += 1;
        let asked = state.looks_asked;
        drop(state);
        self.bell.ring_urgently();
        asked
    }

    /// Waits until a look that was asked for has ended, and returns the newest number then.
    pub(in crate::shipper) fn wait_looked(
        &self,
        asked: u64,
        deadline: Option<Instant>,
    ) -> Result<Txid, Error> {
        self.wait(deadline, |state| match state.looks_done >= asked {
            true => Ok(Some(state.newest)),
            false if state.is_fenced() => Err(Error::Taken { path: self.database.clone() }),
            false => Ok(None),
        })
    }

    pub(in crate::shipper) fn wait_stored(
        &self,
        names: &[String],
        deadline: Option<Instant>,
    ) -> Result<Txid, Error> {
        let txid = self.wait_logged(deadline)?;
        self.wait_has(names, txid, deadline)
    }

    /// Waits until the destinations of these names, or all, have what is in the local log up to a
    /// number.
    pub(in crate::shipper) fn wait_has(
        &self,
        names: &[String],
        txid: Txid,
        deadline: Option<Instant>,
    ) -> Result<Txid, Error> {
        self.wait(deadline, |state| {
            let is_required =
                |d: &&DestinationState| names.is_empty() || names.contains(&d.status.name);
            let mut lacking =
                state.destinations.iter().filter(is_required).filter(|d| !d.has(txid)).peekable();
            if lacking.peek().is_none() {
                return Ok(Some(txid));
            }
            match lacking.find(|d| d.fenced) {
                Some(d) => Err(Error::Never { destination: d.status.name.clone() }),
                None => Ok(None),
            }
        })
    }

    /// Something changed that somebody may wait for.
    pub(super) fn tell_waiting(&self, mut guard: MutexGuard<'_, State>) {
        let state = &mut *guard;
        let (looks_done, newest) = (state.looks_done, state.newest);
        let destinations = &state.destinations;
        let is_stored = |txid| destinations.iter().all(|d| d.has(txid));
        let done = state.waiting.take_done(looks_done, newest, is_stored);
        drop(guard);
        self.changed.notify_all();
        done.into_iter().for_each(Waker::wake);
    }

    /// A destination is another writer's: nobody waits for it any more.
    pub(super) fn tell_lost(&self, mut state: MutexGuard<'_, State>) {
        let lost = state.waiting.take_lost();
        drop(state);
        self.changed.notify_all();
        lost.into_iter().for_each(Waker::wake);
    }

    fn wait<T>(
        &self,
        deadline: Option<Instant>,
        done: impl Fn(&State) -> Result<Option<T>, Error>,
    ) -> Result<T, Error> {
        let mut state = self.lock();
        loop {
            if let Some(value) = done(&state)? {
                return Ok(value);
            }
            if state.ended.is_some() {
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
}
