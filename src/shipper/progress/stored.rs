//! Who waits, without a thread, until what was committed is in every destination.

use crate::ltx::Txid;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::task::Waker;
use std::time::Duration;
use tokio::time::Instant;

/// Clients that were told of a commit come back one after another, with the next one. When none has come
/// for this part of an upload's time, the next upload begins without those that are missing.
const QUIET_PART: u32 = 4;
/// Or for so long.
const QUIET_MAX: Duration = Duration::from_millis(1);
/// However they come, nobody waits longer than so many uploads would have taken,
const GATHER_UPLOADS: u32 = 2;
/// nor than this.
const GATHER_MAX: Duration = Duration::from_millis(20);

/// Whether what was committed before this was made is in every destination.
#[derive(Debug)]
pub struct Stored {
    state: Arc<AtomicU8>,
    pub(super) leads: bool,
}

const DONE: u8 = 1;
const NEVER: u8 = 2;

impl Stored {
    /// It is there.
    #[must_use]
    pub fn is_done(&self) -> bool {
        self.state.load(Ordering::Acquire) == DONE
    }

    /// It never will be: another writer has taken over a destination.
    #[must_use]
    pub fn is_never(&self) -> bool {
        self.state.load(Ordering::Acquire) == NEVER
    }

    /// Nobody else waited yet for the look that takes it.
    #[must_use]
    pub fn leads(&self) -> bool {
        self.leads
    }
}

/// Those who wait.
#[derive(Debug, Default)]
pub(super) struct Queue {
    waiting: Vec<Waiting>,
    /// How many waited when the last upload served some, those it served among them.
    expected: usize,
    /// The wait for these.
    gathering: Option<Gathering>,
}

/// The wait for those who were served.
#[derive(Clone, Copy, Debug)]
struct Gathering {
    /// When it is over if nobody comes.
    until: Instant,
    /// How long it lasts at least after somebody came.
    quiet: Duration,
    /// When it is over whoever comes.
    limit: Instant,
}

impl Gathering {
    /// After an upload that took so long.
    fn after(took: Duration) -> Self {
        let (now, quiet) = (Instant::now(), (took / QUIET_PART).min(QUIET_MAX));
        let limit = now + took.saturating_mul(GATHER_UPLOADS).min(GATHER_MAX);
        // They are to be told first.
        Self { until: now + 2 * quiet, quiet, limit }
    }

    /// Somebody came.
    fn goes_on(&mut self) {
        self.until = self.limit.min(self.until.max(Instant::now() + self.quiet));
    }
}

#[derive(Debug)]
struct Waiting {
    /// The look that takes what was committed.
    asked: u64,
    /// What it took at the latest, once it has ended.
    txid: Option<Txid>,
    state: Arc<AtomicU8>,
    waker: Waker,
}

impl Waiting {
    fn told(self, state: u8) -> Waker {
        self.state.store(state, Ordering::Release);
        self.waker
    }
}

impl Queue {
    /// Somebody waits for what this look takes.
    pub(super) fn push(&mut self, asked: u64, waker: Waker) -> Stored {
        self.gathering.iter_mut().for_each(Gathering::goes_on);
        let state = Arc::default();
        self.waiting.push(Waiting { asked, txid: None, state: Arc::clone(&state), waker });
        Stored { state, leads: false }
    }

    /// Nobody can be served any more: who is to be woken.
    pub(super) fn take_lost(&mut self) -> Vec<Waker> {
        self.waiting.drain(..).map(|waiting| waiting.told(NEVER)).collect()
    }

    /// An upload took so long. Those whom it served will soon be back, and shall share the next one.
    pub(super) fn uploaded(&mut self, took: Duration) {
        self.gathering = Some(Gathering::after(took));
    }

    /// The next upload need not begin before, unless all are back.
    pub(super) fn gathers_until(&self) -> Option<Instant> {
        let is_due = self.waiting.len() >= self.expected;
        self.gathering.filter(|_| !is_due).map(|gathering| gathering.until)
    }

    /// All that were waited for are back, and nobody else has come.
    pub(super) fn is_complete(&self) -> bool {
        self.waiting.len() == self.expected
    }

    /// So many looks have ended, the last at a number: who is to be woken.
    pub(super) fn take_done(
        &mut self,
        looks_done: u64,
        newest: Txid,
        is_stored: impl Fn(Txid) -> bool,
    ) -> Vec<Waker> {
        let is_done = |waiting: &mut Waiting| {
            if waiting.asked <= looks_done {
                waiting.txid.get_or_insert(newest);
            }
            waiting.txid.is_some_and(&is_stored)
        };
        let done = self.waiting.extract_if(.., is_done).map(|waiting| waiting.told(DONE));
        let wakers: Vec<_> = done.collect();
        if !wakers.is_empty() {
            self.expected = wakers.len() + self.waiting.len();
        }
        wakers
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_waits_in_vain_is_told() {
        let mut queue = Queue::default();
        let (first, second) =
            (queue.push(1, Waker::noop().clone()), queue.push(2, Waker::noop().clone()));
        assert_eq!(queue.take_done(1, Txid(7), |_| true).len(), 1);
        assert_eq!((queue.take_lost().len(), queue.take_lost().len()), (1, 0));
        assert!(first.is_done() && !first.is_never() && second.is_never() && !second.is_done());
    }

    #[tokio::test(start_paused = true)]
    async fn those_who_were_served_are_waited_for_a_moment() {
        let took = Duration::from_millis(2);
        let (mut queue, waker) = (Queue::default(), Waker::noop());
        let stored: Vec<_> = (1..=3).map(|asked| queue.push(asked, waker.clone())).collect();
        assert_eq!(queue.gathers_until(), None);
        // The look that the third asked for is still to come.
        queue.uploaded(took);
        assert_eq!(queue.take_done(2, Txid(7), |txid| txid <= Txid(7)).len(), 2);
        assert_eq!(stored.iter().map(Stored::is_done).collect::<Vec<_>>(), [true, true, false]);
        let (served, quiet) = (Instant::now(), took / QUIET_PART);
        assert_eq!(queue.gathers_until(), Some(served + 2 * quiet));
        tokio::time::advance(2 * quiet - quiet / 2).await;
        queue.push(4, waker.clone());
        assert_eq!(queue.gathers_until(), Some(Instant::now() + quiet));
        assert!(!queue.is_complete());
        queue.push(5, waker.clone());
        assert_eq!((queue.gathers_until(), queue.is_complete()), (None, true), "all are back");
    }

    #[tokio::test(start_paused = true)]
    async fn nobody_waits_for_long() {
        let (mut queue, waker) = (Queue::default(), Waker::noop());
        (1..=100).for_each(|asked| drop(queue.push(asked, waker.clone())));
        queue.uploaded(Duration::from_secs(60));
        assert_eq!(queue.take_done(100, Txid(8), |_| true).len(), 100);
        let limit = Instant::now() + GATHER_MAX;
        assert_eq!(queue.gathers_until(), Some(Instant::now() + 2 * QUIET_MAX));
        for asked in 101..200 {
            tokio::time::advance(QUIET_MAX / 2).await;
            queue.push(asked, waker.clone());
        }
        assert_eq!(queue.gathers_until(), Some(limit));
    }
}
