//! Wakes who looks at a file, and tells it why.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use tokio::sync::Notify;
use tokio::time::Instant;

/// Wakes the worker.
#[derive(Debug, Default)]
pub(super) struct Bell {
    pending: AtomicBool,
    urgent: AtomicBool,
    /// Somebody of this process has committed.
    own: AtomicBool,
    stop: AtomicBool,
    /// After it was told to stop: how long it may try to.
    stop_by: Mutex<Option<Instant>>,
    worker: Notify,
}

impl Bell {
    /// Something was committed: look within the sync interval.
    pub(super) fn ring(&self) {
        // The swap orders this commit before the look that clears the flag.
        if !self.pending.swap(true, Ordering::AcqRel) {
            self.wake();
        }
    }

    /// Somebody of this process has committed something.
    pub(super) fn ring_of_own(&self) {
        self.own.store(true, Ordering::Relaxed);
        self.ring();
    }

    /// Whether somebody of this process has committed since a look last began, as one begins now.
    pub(super) fn take_own(&self) -> bool {
        self.own.swap(false, Ordering::Relaxed)
    }

    /// Whether somebody of this process has committed since a look began.
    pub(super) fn has_own(&self) -> bool {
        self.own.load(Ordering::Relaxed)
    }

    /// Somebody waits: look at once.
    pub(super) fn ring_urgently(&self) {
        self.ask();
        self.wake();
    }

    /// Somebody waits for the next look; true if he is the first, for whom the worker is to be woken.
    pub(super) fn ask(&self) -> bool {
        let is_first = !self.urgent.swap(true, Ordering::AcqRel);
        self.pending.store(true, Ordering::Release);
        is_first
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

    /// Tells the worker to stop, at the latest at the deadline.
    pub(super) fn stop(&self, until: Option<Instant>) {
        *self.stop_by.lock().unwrap_or_else(PoisonError::into_inner) = until;
        self.stop.store(true, Ordering::Release);
        self.ring_urgently();
    }

    /// Until when the worker, told to stop, tries to bring everything to its end.
    pub(super) fn stop_by(&self) -> Option<Instant> {
        *self.stop_by.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until somebody has rung since the last time.
    pub(super) async fn rung(&self) {
        self.worker.notified().await;
    }

    /// Before a look. In the other order than [`Self::ask`] sets them: whoever asks meanwhile leaves
    /// both set, or is one of those this look is for.
    pub(super) fn clear(&self) {
        self.pending.swap(false, Ordering::AcqRel);
        self.urgent.swap(false, Ordering::AcqRel);
    }

    pub(super) fn wake(&self) {
        self.worker.notify_one();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_asks_first_leads_until_the_next_look() {
        let bell = Bell::default();
        assert_eq!([bell.ask(), bell.ask()], [true, false]);
        assert!(bell.is_urgent() && bell.is_pending());
        bell.clear();
        assert!(!bell.is_urgent() && !bell.is_pending());
        assert!(bell.ask());
    }
}
