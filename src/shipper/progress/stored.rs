//! Who waits, without a thread, until what was committed is in every destination.

use crate::ltx::Txid;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::Waker;

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
pub(super) struct Queue(Vec<Waiting>);

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
        self.0.push(Waiting { asked, txid: None, done: Arc::clone(&done), waker });
        Stored(done)
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
        let done = self.0.extract_if(.., is_done);
        done.map(|waiting| {
            waiting.done.store(true, Ordering::Release);
            waiting.waker
        })
        .collect()
    }
}
