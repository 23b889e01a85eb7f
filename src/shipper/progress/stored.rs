//! Who waits, without a thread, until what was committed is in every destination.

use crate::ltx::Txid;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::Waker;
use std::time::Duration;
use tokio::time::Instant;

/// Clients that were told of a commit have this part of an upload's time to make the next one, before
/// the next upload begins without them.
const GATHER_PART: u32 = 8;
/// And no more than this.
const GATHER_MAX: Duration = Duration::from_millis(20);

/// Whether what was committed before this was made is in every destination.
#[derive(Debug)]
pub struct Stored(Arc<AtomicBool>);

impl Stored {
    /// It is there.
    #[must_use]
    pub fn is_done(&self) -> bool {
        self.0.load(Ordering::Acquire)
    }
}

/// Those who wait.
#[derive(Debug, Default)]
pub(super) struct Queue {
    waiting: Vec<Waiting>,
    /// How many waited when the last upload served some, those it served among them; and until when
    /// these are waited for.
    expected: usize,
    gathers_until: Option<Instant>,
}

#[derive(Debug)]
struct Waiting {
    /// The look that takes what was committed.
    asked: u64,
    /// What it took at the latest, once it has ended.
    txid: Option<Txid>,
    done: Arc<AtomicBool>,
    waker: Waker,
}

impl Queue {
    /// Somebody waits for what this look takes.
    pub(super) fn push(&mut self, asked: u64, waker: Waker) -> Stored {
        let done = Arc::new(AtomicBool::new(false));
        self.waiting.push(Waiting { asked, txid: None, done: Arc::clone(&done), waker });
        Stored(done)
    }

    /// An upload took so long. Those whom it served will soon be back, and shall share the next one.
    pub(super) fn uploaded(&mut self, took: Duration) {
        self.gathers_until = Some(Instant::now() + (took / GATHER_PART).min(GATHER_MAX));
    }

    /// The next upload need not begin before, unless somebody else comes.
    pub(super) fn gathers_until(&self) -> Option<Instant> {
        self.gathers_until.filter(|_| self.waiting.len() < self.expected)
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
        let done = self.waiting.extract_if(.., is_done).map(|waiting| {
            waiting.done.store(true, Ordering::Release);
            waiting.waker
        });
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

    #[tokio::test(start_paused = true)]
    async fn those_who_were_served_are_waited_for_a_moment() {
        let took = Duration::from_millis(16);
        let (mut queue, waker) = (Queue::default(), Waker::noop());
        let stored: Vec<_> = (1..=3).map(|asked| queue.push(asked, waker.clone())).collect();
        assert_eq!(queue.gathers_until(), None);
        // The look that the third asked for is still to come.
        queue.uploaded(took);
        assert_eq!(queue.take_done(2, Txid(7), |txid| txid <= Txid(7)).len(), 2);
        assert_eq!(stored.iter().map(Stored::is_done).collect::<Vec<_>>(), [true, true, false]);
        let soon = Instant::now() + took / GATHER_PART;
        for asked in 4..6 {
            assert_eq!(queue.gathers_until(), Some(soon));
            queue.push(asked, waker.clone());
        }
        assert_eq!(queue.gathers_until(), None, "all are back");
        // Nobody waits for long.
        queue.uploaded(Duration::from_secs(60));
        assert_eq!(queue.take_done(5, Txid(8), |_| true).len(), 3);
        assert_eq!(queue.gathers_until(), Some(Instant::now() + GATHER_MAX));
    }
}
